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
    let input_path = location(members, "jobInput", "s3DataSource", "Invalid S3 input path")?;
    let output_path = output_path(members)?;
    let role_arn = members.required("roleArn", Member::role_arn)?;
    let filter = members.optional("filterArn", Member::arn)?;
    Ok(BatchOrder { job_name, solution_version, num_results, input_path, output_path, role_arn, filter })
}

/// The folder that a job writes to.
pub(crate) fn output_path(members: &Members<'_>) -> Result<String, ApiError> {
    let path = location(members, "jobOutput", "s3DataDestination", "Invalid S3 output path")?;
    if path.ends_with('/') {
        return Ok(path);
    }
    Err(ApiError::invalid(format!(
        "Invalid S3 output path '{path}' at 'jobOutput.s3DataDestination.path': it names a folder, so it must \
         end in '/'."
    )))
}

/// `jobOutput` of a description.
pub(crate) fn job_output(path: &str) -> Shape {
    Shape::new().with("s3DataDestination", Shape::new().with("path", path))
}

fn location(members: &Members<'_>, part: &str, place: &str, otherwise: &str) -> Result<String, ApiError> {
    let place = members.required(part, Member::object)?.required(place, Member::object)?;
    place.optional("kmsKeyArn", Member::kms_key_arn)?;
    place.not_available("kmsKeyArn", "encryption with a key of your own")?;
    place.required("path", |m| m.s3_path(otherwise))
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
    let input = Shape::new().with("path", order.input_path.as_str());
    summary
        .with_some("numResults", order.num_results)
        .with("jobInput", Shape::new().with("s3DataSource", input))
        .with("jobOutput", job_output(&order.output_path))
        .with("roleArn", order.role_arn.as_str())
        .with_some("filterArn", order.filter.as_ref().map(Arn::as_str))
}
