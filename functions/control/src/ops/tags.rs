//! Tags of resources. They lie in the resource's own row and go with it.

use domain::tags::{Tags, must_be_taggable};
use domain::{ApiError, Arn, Resource, Status};
use serde_json::json;
use store::resources::UpdateError;
use wire::shape::Shape;
use wire::tags::{self as shapes, TagResource, UntagResource};
use wire::{Member, Members};

use super::Output;
use crate::Control;

/// `TagResource`. A tag whose key the resource has already gets the new value.
pub async fn tag(control: &Control, members: &Members<'_>) -> Output {
    let TagResource { resource, tags } = TagResource::parse(members)?;
    change(control, &resource, |present| present.add(&tags)).await
}

/// `UntagResource`. Keys that the resource has no tag of are passed over.
pub async fn untag(control: &Control, members: &Members<'_>) -> Output {
    let UntagResource { resource, keys } = UntagResource::parse(members)?;
    change(control, &resource, |present| {
        present.remove(keys.iter().map(String::as_str));
        Ok(())
    })
    .await
}

/// `ListTagsForResource`: all of them, in the order of their keys.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("resourceArn", Member::arn)?;
    must_be_taggable(&arn)?;
    let row = control.row(&arn).await?;
    Ok(Some(Shape::new().with("tags", shapes::list(&row.tags)).into()))
}

/// Changes the tags of a resource that is not being deleted.
async fn change(control: &Control, arn: &Arn, change: impl Fn(&mut Tags) -> Result<(), ApiError>) -> Output {
    must_be_taggable(arn)?;
    let changed = control
        .resources
        .update_tags(arn, |resource, tags| {
            must_stay(resource)?;
            change(tags)
        })
        .await;
    match changed {
        Ok(Some(_)) => Ok(Some(json!({}))),
        Ok(None) => Err(ApiError::not_found(arn)),
        Err(UpdateError::Refused(error)) => Err(error),
        Err(error) => Err(ApiError::internal(error)),
    }
}

fn must_stay(resource: &Resource) -> Result<(), ApiError> {
    match resource.lifecycle().map(|life| life.status) {
        Some(status @ (Status::DeletePending | Status::DeleteInProgress)) => Err(ApiError::in_use(format!(
            "Resource Arn {} is in status {}: its tags cannot be changed any more.",
            resource.arn(),
            status.as_str()
        ))),
        _ => Ok(()),
    }
}
