//! What batch inference and batch segment jobs have in common.

use domain::resource::BatchOrder;
use domain::{ApiError, Arn};

use crate::members::{Member, Members};
use crate::shape::Shape;

/// Checks the members that a request for either kind has; a line may ask for `most` answers.
pub(crate) fn order(members: &Members<'_>, most: usize) -> Result<BatchOrder, ApiError> {
    let job_name = members.required("jobName", Member::name)?;
    let solution_version = members.required("solutionVersionArn", Member::arn)?;
    let num_results = members.optional("numResults", |m| Ok(m.integer(1, most as i64)? as u32))?;
    let input = location(members, "jobInput", "s3DataSource", "Invalid S3 input path")?;
    let output = output(members)?;
    let role_arn = members.required("roleArn", Member::role_arn)?;
    let filter = members.optional("filterArn", Member::arn)?;
    Ok(BatchOrder {
        job_name,
        solution_version,
        num_results,
        input_path: input.path,
        input_kms_key: input.kms_key,
        output_path: output.path,
        output_kms_key: output.kms_key,
        role_arn,
        filter,
    })
}

/// Where files are, and the key of AWS KMS that they are encrypted with.
pub(crate) struct Files {
    pub path: String,
    pub kms_key: Option<String>,
}

impl Files {
    /// Reads an `S3DataConfig`; `otherwise` is what the caller is told of a path that cannot be one.
    pub fn parse(place: &Members<'_>, otherwise: &str) -> Result<Self, ApiError> {
        let kms_key = place.optional("kmsKeyArn", Member::kms_key_arn)?;
        Ok(Self { path: place.required("path", |m| m.s3_path(otherwise))?, kms_key })
    }
}

/// An `S3DataConfig` of a description.
pub(crate) fn files(path: &str, kms_key: Option<&str>) -> Shape {
    Shape::new().with("path", path).with_some("kmsKeyArn", kms_key)
}

/// The folder that a job writes to.
pub(crate) fn output(members: &Members<'_>) -> Result<Files, ApiError> {
    let output = location(members, "jobOutput", "s3DataDestination", "Invalid S3 output path")?;
    if output.path.ends_with('/') {
        return Ok(output);
    }
    Err(ApiError::invalid(format!(
        "Invalid S3 output path '{}' at 'jobOutput.s3DataDestination.path': it names a folder, so it must end in \
         '/'.",
        output.path
    )))
}

/// `jobOutput` of a description.
pub(crate) fn job_output(path: &str, kms_key: Option<&str>) -> Shape {
    Shape::new().with("s3DataDestination", files(path, kms_key))
}

fn location(members: &Members<'_>, part: &str, place: &str, otherwise: &str) -> Result<Files, ApiError> {
    Files::parse(&members.required(part, Member::object)?.required(place, Member::object)?, otherwise)
}

/// What an element of a list begins with; `member` is that of the job's own ARN.
pub(crate) fn summary(member: &str, arn: &Arn, order: &BatchOrder) -> Shape {
    Shape::new()
        .with("jobName", order.job_name.as_str())
        .arn(member, arn)
        .arn("solutionVersionArn", &order.solution_version)
}

/// Adds what a description has beside the summary.
pub(crate) fn details(summary: Shape, order: &BatchOrder) -> Shape {
    let input = files(&order.input_path, order.input_kms_key.as_deref());
    summary
        .with_some("numResults", order.num_results)
        .with("jobInput", Shape::new().with("s3DataSource", input))
        .with("jobOutput", job_output(&order.output_path, order.output_kms_key.as_deref()))
        .with("roleArn", order.role_arn.as_str())
        .with_some("filterArn", order.filter.as_ref().map(Arn::as_str))
}
