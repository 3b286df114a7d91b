//! Turns S3 "object created" events into import jobs.
//!
//! An upload alone is enough: a CSV put under `<dataset group>/<interactions|items|users>/` of the
//! deployment's bucket is imported into that dataset. The handler only decides and asks the control
//! plane for an import job, so an upload and an API call go the same way from here on.
//!
//! S3 delivers events at least once and in any order. The job's name is derived from the event's
//! object, ETag and sequencer: the same event again finds the name taken and changes nothing.

pub mod event;
pub mod layout;

use control::Control;
use domain::hash::fnv1a64;
use domain::{Arn, ResourceKind};
use serde_json::json;

use event::{Created, EventError};
use layout::{Destination, NotAnUpload};

/// What became of one object of an event.
#[derive(Debug)]
pub enum Outcome {
    /// An import job was created.
    Importing(Arn),
    /// This very event was handled before.
    Seen(Arn),
    /// The object is not an upload into a dataset; why.
    Ignored(NotAnUpload),
    /// It is one, and the control plane refused it; its exception and message.
    Refused {
        /// The object.
        key: String,
        /// What the control plane said.
        message: String,
    },
}

/// Handles one event, which may carry several records.
///
/// `bucket` is the deployment's bucket; events of others are ignored. Fails only when the event is
/// not one of S3's.
pub async fn handle(control: &Control, bucket: &str, event: &[u8]) -> Result<Vec<Outcome>, EventError> {
    let mut outcomes = Vec::new();
    for object in event::created_objects(event)? {
        outcomes.push(one(control, bucket, &object).await);
    }
    Ok(outcomes)
}

async fn one(control: &Control, bucket: &str, object: &Created) -> Outcome {
    let destination = match layout::destination(bucket, object) {
        Ok(destination) => destination,
        Err(reason) => return Outcome::Ignored(reason),
    };
    let name = job_name(object, &destination);
    let dataset = control
        .scope
        .arn(ResourceKind::Dataset, &format!("{}/{}", destination.group, destination.dataset_type.as_str()));
    let request = json!({
        "jobName": name,
        "datasetArn": dataset,
        "dataSource": { "dataLocation": format!("s3://{}/{}", object.bucket, object.key) },
        "importMode": "FULL",
    });
    let target = "AmazonPersonalize.CreateDatasetImportJob";
    let reply = control::handle(control, Some(target), request.to_string().as_bytes()).await;
    let job = control.scope.arn(ResourceKind::DatasetImportJob, &name);
    if reply.status == 200 {
        return Outcome::Importing(job);
    }
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if body["__type"] == "ResourceAlreadyExistsException" {
        return Outcome::Seen(job);
    }
    let message = body["message"].as_str().unwrap_or("no message").to_owned();
    tracing::warn!(bucket = object.bucket, key = object.key, %message, "an upload was refused");
    Outcome::Refused { key: object.key.clone(), message }
}

/// At most 63 characters, as names must be, and the same for the same event.
fn job_name(object: &Created, destination: &Destination) -> String {
    let identity = [&object.bucket, &object.key, &object.etag, &object.sequencer];
    let hash = fnv1a64(identity.map(String::as_str));
    let stem: String = destination.group.chars().take(36).collect();
    format!("{stem}-{}-{hash:016x}", &destination.dataset_type.as_str()[..5].to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_gives_the_same_name_and_another_upload_another() {
        let object = |sequencer: &str| Created {
            bucket: "b".into(),
            key: "films/users/x.csv".into(),
            etag: "e".into(),
            sequencer: sequencer.into(),
        };
        let destination = layout::destination("b", &object("1")).unwrap();
        let name = job_name(&object("1"), &destination);
        assert_eq!(name, job_name(&object("1"), &destination));
        assert_ne!(name, job_name(&object("2"), &destination));
        assert!(name.len() <= 63 && name.starts_with("films-users-"), "{name}");
    }
}
