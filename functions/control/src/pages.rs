//! The list operations: one page of a kind, optionally of one parent.

use domain::{ApiError, Arn, ErrorKind, Resource, ResourceKind};
use serde_json::Value;
use store::StoreError;
use wire::page::PageRequest;
use wire::shape::Shape;
use wire::{Member, Members};

use crate::Control;
use crate::ops::Output;

/// What a list operation lists.
pub(crate) struct List<R> {
    /// The member of the answer that holds the elements; it also tells the lists apart in tokens.
    pub key: &'static str,
    /// What is listed.
    pub kind: ResourceKind,
    /// The member of the request that filters by parent, with the kind of that parent.
    pub parent: Option<(&'static str, ResourceKind)>,
    /// An element of the answer.
    pub summary: fn(&R) -> Value,
}

impl<R: TryFrom<Resource>> List<R> {
    /// Answers with one page.
    ///
    /// Fails with `InvalidInput` for a bad `maxResults` or a filter ARN of another kind, and with
    /// `InvalidNextToken`. A parent that does not exist has no children.
    pub(crate) async fn page(&self, control: &Control, members: &Members<'_>) -> Output {
        let parent = self.parent_of(members)?;
        let filter = parent.as_ref().map(Arn::as_str).unwrap_or_default();
        let request = PageRequest::read(members, format!("{} {filter}", self.key))?;
        let listing = control
            .resources
            .list(self.kind, parent.as_ref(), request.limit, request.cursor.as_deref())
            .await
            .map_err(|error| match error {
                StoreError::Continuation { .. } => ApiError::new(
                    ErrorKind::InvalidNextToken,
                    "The given nextToken does not belong to this list.",
                ),
                other => ApiError::internal(other),
            })?;
        let resources = listing.resources.into_iter().filter_map(|resource| R::try_from(resource).ok());
        let elements: Vec<Value> = resources.map(|resource| (self.summary)(&resource)).collect();
        let next = listing.next.map(|cursor| request.token(cursor));
        Ok(Some(Shape::new().with(self.key, elements).with_some("nextToken", next).into()))
    }

    /// The ARN that the list is filtered by.
    pub(crate) fn parent_of(&self, members: &Members<'_>) -> Result<Option<Arn>, ApiError> {
        let Some((member, kind)) = self.parent else { return Ok(None) };
        let arn = members.optional(member, Member::arn)?;
        match arn {
            Some(arn) if arn.kind() != kind => Err(ApiError::invalid(format!(
                "'{arn}' at '{member}' is not the ARN of a {}.",
                kind.segment().replace('-', " ")
            ))),
            arn => Ok(arn),
        }
    }
}
