//! What batch inference and batch segment jobs have in common.

use domain::{ApiError, Arn};

use crate::members::{Member, Members};
use crate::shape::Shape;

/// The members that a request for either kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchJob {
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
}

impl BatchJob {
    /// Checks them; a line may ask for `most` answers.
    pub(crate) fn parse(members: &Members<'_>, most: usize) -> Result<Self, ApiError> {
        let job_name = members.required("jobName", Member::name)?;
        let solution_version = members.required("solutionVersionArn", Member::arn)?;
        let num_results = members.optional("numResults", |m| Ok(m.integer(1, most as i64)? as u32))?;
        let input_path = location(members, "jobInput", "s3DataSource", "Invalid S3 input path")?;
        let output_path = location(members, "jobOutput", "s3DataDestination", "Invalid S3 output path")?;
        if !output_path.ends_with('/') {
            return Err(ApiError::invalid(format!(
                "Invalid S3 output path '{output_path}' at 'jobOutput.s3DataDestination.path': it names a \
                 folder, so it must end in '/'."
            )));
        }
        let role_arn = members.required("roleArn", Member::role_arn)?;
        Ok(Self { job_name, solution_version, num_results, input_path, output_path, role_arn })
    }
}

fn location(members: &Members<'_>, part: &str, place: &str, otherwise: &str) -> Result<String, ApiError> {
    let place = members.required(part, Member::object)?.required(place, Member::object)?;
    place.not_available("kmsKeyArn", "encryption with a key of your own")?;
    place.required("path", |m| m.s3_path(otherwise))
}

/// Adds what a description has beside the summary.
pub(crate) fn details(
    summary: Shape,
    num_results: Option<u32>,
    input_path: &str,
    output_path: &str,
    role_arn: &str,
) -> Shape {
    let path = |place: &str, path: &str| Shape::new().with(place, Shape::new().with("path", path));
    summary
        .with_some("numResults", num_results)
        .with("jobInput", path("s3DataSource", input_path))
        .with("jobOutput", path("s3DataDestination", output_path))
        .with("roleArn", role_arn)
}
