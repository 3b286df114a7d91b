//! Finding and opening the files that a job names.

use store::objects::{ObjectBody, ObjectInfo};
use store::{ObjectError, S3Location};

use crate::Steps;
use crate::failure::{Doing, Failure};

/// An object that is open for reading.
pub(crate) struct Source {
    pub at: S3Location,
    pub body: ObjectBody,
}

/// Opens everything that the location names; says so in the caller's words when there is nothing.
pub(crate) async fn open_sources(steps: &Steps, location: &str) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for (at, _) in find(steps, location).await? {
        let body = open(steps, &at).await?;
        sources.push(Source { at, body });
    }
    Ok(sources)
}

/// The objects that the location names, in the order of their keys, with what the listing said of
/// them where there was one.
pub(super) async fn find(
    steps: &Steps,
    location: &str,
) -> Result<Vec<(S3Location, Option<ObjectInfo>)>, Failure> {
    let at: S3Location = location.parse().map_err(|error| invalid(&format!("{error}.")))?;
    if !at.is_prefix() {
        return Ok(vec![(at, None)]);
    }
    let listed = match steps.objects.list(&at.bucket, &at.key).await {
        Ok(listed) => listed,
        Err(error) if error.is_not_found() => return Err(invalid(&format!("{error}."))),
        Err(error) => return Err(error).doing(|| format!("listing {at}")),
    };
    let objects: Vec<_> = listed
        .into_iter()
        .filter(|object| is_csv(&object.key))
        .map(|object| (at.with_key(&object.key), Some(object)))
        .collect();
    if objects.is_empty() {
        return Err(invalid(&format!("There is no object that ends in .csv or .csv.gz under {at}.")));
    }
    Ok(objects)
}

/// Opens one object.
pub(super) async fn open(steps: &Steps, at: &S3Location) -> Result<ObjectBody, Failure> {
    steps.objects.open(at).await.map_err(|error| {
        unreadable(&error)
            .unwrap_or_else(|| Failure::Internal { doing: format!("reading {at}"), cause: error.into() })
    })
}

/// Why an object cannot be read, where that is the caller's to mend.
pub(crate) fn unreadable(error: &ObjectError) -> Option<Failure> {
    match error {
        ObjectError::Replaced { location } => Some(Failure::caller(format!(
            "{location} was replaced during the import. Import again once the file is no longer written to."
        ))),
        error if error.is_not_found() => Some(invalid(&format!(
            "{error}: check the bucket and the key, and end the path of a folder in /."
        ))),
        _ => None,
    }
}

fn invalid(why: &str) -> Failure {
    Failure::caller(format!("Invalid Data location. {why}"))
}

fn is_csv(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    lower.ends_with(".csv") || lower.ends_with(".csv.gz")
}
