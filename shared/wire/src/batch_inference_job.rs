//! Batch inference: `CreateBatchInferenceJob` and what describe and list show.

use domain::limits::NUM_RESULTS_MAX;
use domain::resource::BatchInferenceJob;
use domain::{ApiError, Arn};
use serde_json::Value;

use crate::members::{Member, Members};
use crate::shape::Shape;

const MODE: &str = "BATCH_INFERENCE";

/// `CreateBatchInferenceJob`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBatchInferenceJob {
    /// Unique in the region.
    pub job_name: String,
    /// The model.
    pub solution_version: Arn,
    /// Answers for each line.
    pub num_results: Option<u32>,
    /// JSON Lines object or prefix.
    pub input_path: String,
    /// Prefix that ends in `/`.
    pub output_path: String,
    /// Echoed to the caller.
    pub role_arn: String,
    /// Whether parameters of exploration were given, which only recipes that explore can honour.
    pub explores: bool,
}

impl CreateBatchInferenceJob {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let job_name = members.required("jobName", Member::name)?;
        let solution_version = members.required("solutionVersionArn", Member::arn)?;
        let most = NUM_RESULTS_MAX as i64;
        let num_results = members.optional("numResults", |m| Ok(m.integer(1, most)? as u32))?;
        let input_path = location(members, "jobInput", "s3DataSource", "Invalid S3 input path")?;
        let output_path = location(members, "jobOutput", "s3DataDestination", "Invalid S3 output path")?;
        if !output_path.ends_with('/') {
            return Err(ApiError::invalid(format!(
                "Invalid S3 output path '{output_path}' at 'jobOutput.s3DataDestination.path': it names a \
                 folder, so it must end in '/'."
            )));
        }
        let role_arn = members.required("roleArn", Member::role_arn)?;
        members.not_available("filterArn", "filtering")?;
        let mode = members.optional("batchInferenceJobMode", |m| m.word(&[MODE, "THEME_GENERATION"]))?;
        if mode == Some("THEME_GENERATION") {
            return Err(ApiError::invalid(format!(
                "'THEME_GENERATION' at 'batchInferenceJobMode' is not available in Osusume yet: use {MODE} or \
                 leave it out."
            )));
        }
        members.not_available("themeGenerationConfig", "theme generation")?;
        let config = members.optional("batchInferenceJobConfig", Member::object)?;
        let explores = match &config {
            Some(config) => {
                config.not_available("rankingInfluence", "ranking influence")?;
                config
                    .optional("itemExplorationConfig", Member::parameters)?
                    .is_some_and(|map| !map.is_empty())
            }
            None => false,
        };
        members.no_tags()?;
        Ok(Self { job_name, solution_version, num_results, input_path, output_path, role_arn, explores })
    }
}

fn location(members: &Members<'_>, part: &str, place: &str, otherwise: &str) -> Result<String, ApiError> {
    let place = members.required(part, Member::object)?.required(place, Member::object)?;
    place.not_available("kmsKeyArn", "encryption with a key of your own")?;
    place.required("path", |m| m.s3_path(otherwise))
}

/// `batchInferenceJob` of `DescribeBatchInferenceJob`.
pub fn describe(job: &BatchInferenceJob) -> Value {
    let path = |place: &str, path: &str| Shape::new().with(place, Shape::new().with("path", path));
    summary_shape(job)
        .with_some("numResults", job.num_results)
        .with("jobInput", path("s3DataSource", &job.input_path))
        .with("jobOutput", path("s3DataDestination", &job.output_path))
        .with("roleArn", job.role_arn.as_str())
        .into()
}

/// An element of `ListBatchInferenceJobs`.
pub fn summary(job: &BatchInferenceJob) -> Value {
    summary_shape(job).into()
}

fn summary_shape(job: &BatchInferenceJob) -> Shape {
    Shape::new()
        .with("jobName", job.job_name.as_str())
        .arn("batchInferenceJobArn", &job.arn)
        .arn("solutionVersionArn", &job.solution_version)
        .with("batchInferenceJobMode", MODE)
        .lifecycle(&job.lifecycle)
}
