//! Tags: keys and values that a caller hangs on a resource, which mean nothing to the service.

use std::collections::BTreeMap;
use std::collections::btree_map;

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, ResourceKind};
use crate::error::{ApiError, ErrorKind};
use crate::limits::TAGS_MAX;

/// The tags of one resource, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Sets a tag; one of the same key is replaced.
    pub fn set(&mut self, key: String, value: String) {
        self.0.insert(key, value);
    }

    /// Whether there is a tag of this key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Adds other tags; those of equal keys are replaced.
    ///
    /// Fails with `TooManyTags` where more than [`TAGS_MAX`] would be there then; nothing is added.
    pub fn add(&mut self, more: &Self) -> Result<(), ApiError> {
        let mut all = self.0.clone();
        all.extend(more.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        if all.len() > TAGS_MAX {
            return Err(ApiError::new(
                ErrorKind::TooManyTags,
                format!(
                    "The resource would have {} tags; at most {TAGS_MAX} are kept. Remove some with UntagResource, \
                     or give fewer.",
                    all.len()
                ),
            ));
        }
        self.0 = all;
        Ok(())
    }

    /// Removes the tags of some keys. Keys that no tag has are passed over.
    pub fn remove<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>) {
        for key in keys {
            self.0.remove(key);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values.
    pub fn iter(&self) -> btree_map::Iter<'_, String, String> {
        self.0.iter()
    }
}

/// Fails with `InvalidInput` for what carries no tags in Personalize (guide, "Tagging resources"): schemas,
/// metric attributions, and what the service owns.
pub fn must_be_taggable(arn: &Arn) -> Result<(), ApiError> {
    let what = match arn.kind() {
        ResourceKind::Schema => "A schema",
        ResourceKind::MetricAttribution => "A metric attribution",
        ResourceKind::Recipe => "A recipe",
        ResourceKind::Algorithm => "An algorithm",
        ResourceKind::FeatureTransformation => "A feature transformation",
        ResourceKind::RecommenderVersion => return Err(ApiError::not_found(arn)),
        _ => return Ok(()),
    };
    Err(ApiError::invalid(format!("{what} carries no tags: {arn} at 'resourceArn' is one.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(keys: impl Iterator<Item = usize>) -> Tags {
        Tags(keys.map(|key| (format!("k{key}"), "v".to_owned())).collect())
    }

    #[test]
    fn equal_keys_are_replaced_and_count_once() {
        let mut all = tags(0..TAGS_MAX);
        let mut more = Tags::default();
        more.set("k0".into(), "new".into());
        all.add(&more).unwrap();
        assert_eq!(all.iter().next(), Some((&"k0".to_owned(), &"new".to_owned())));
        let before = all.clone();
        let error = all.add(&tags(TAGS_MAX..TAGS_MAX + 1)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooManyTags);
        assert!(error.message.contains("51 tags"), "{}", error.message);
        assert_eq!(all, before);
        all.remove(["k1", "unknown"]);
        all.add(&tags(TAGS_MAX..TAGS_MAX + 1)).unwrap();
    }
}
