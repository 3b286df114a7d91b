//! Tags: the member `tags` of creations, and the three operations of tags alone.

use domain::limits::{TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX, TAGS_PER_REQUEST_MAX};
use domain::tags::Tags;
use domain::{ApiError, Arn, ErrorKind};
use serde_json::Value;

use crate::members::{Member, Members, violated};
use crate::shape::Shape;

const PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
/// Keys that begin so are AWS's own.
const RESERVED: &str = "aws:";

/// Reads the tags of a creation; absent is none.
///
/// Fails with `InvalidInput` for a tag that may not be, and with `TooManyTags`.
pub fn given(members: &Members<'_>) -> Result<Tags, ApiError> {
    Ok(members.optional("tags", tags)?.unwrap_or_default())
}

/// `TagResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagResource {
    /// What is tagged.
    pub resource: Arn,
    /// Its further tags.
    pub tags: Tags,
}

impl TagResource {
    /// Checks the request.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            resource: members.required("resourceArn", Member::arn)?,
            tags: members.required("tags", tags)?,
        })
    }
}

/// `UntagResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntagResource {
    /// What loses tags.
    pub resource: Arn,
    /// The keys of those tags.
    pub keys: Vec<String>,
}

impl UntagResource {
    /// Checks the request. More keys than a resource may have tags are `TooManyTagKeys`.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let resource = members.required("resourceArn", Member::arn)?;
        let keys = members.required("tagKeys", |member| {
            let keys = bounded(member)?;
            if keys.len() > TAGS_MAX {
                return Err(ApiError::new(
                    ErrorKind::TooManyTagKeys,
                    format!(
                        "'{}' names {} keys, but a resource has at most {TAGS_MAX} tags: give fewer.",
                        member.path,
                        keys.len()
                    ),
                ));
            }
            keys.iter().map(|member| text(member, 1, TAG_KEY_CHARS_MAX)).collect()
        })?;
        Ok(Self { resource, keys })
    }
}

/// `tags` of `ListTagsForResource`.
pub fn list(tags: &Tags) -> Value {
    let tag = |(key, value): (&String, &String)| {
        Value::from(Shape::new().with("tagKey", key.as_str()).with("tagValue", value.as_str()))
    };
    tags.iter().map(tag).collect()
}

fn tags(member: &Member<'_>) -> Result<Tags, ApiError> {
    let mut given = Tags::default();
    for tag in bounded(member)? {
        let tag = tag.object()?;
        let key = tag.required("tagKey", tag_key)?;
        let value = tag.required("tagValue", |m| text(m, 0, TAG_VALUE_CHARS_MAX))?;
        if given.contains(&key) {
            return Err(ApiError::invalid(format!(
                "'{}' has the key '{key}' more than once: give each key one value.",
                member.path
            )));
        }
        given.set(key, value);
    }
    let mut all = Tags::default();
    all.add(&given)?;
    Ok(all)
}

/// A list of at most as many elements as the model allows in one request.
fn bounded<'a>(member: &Member<'a>) -> Result<Vec<Member<'a>>, ApiError> {
    let list = member.list()?;
    if list.len() > TAGS_PER_REQUEST_MAX {
        let rule = format!("Member must have length less than or equal to {TAGS_PER_REQUEST_MAX}");
        return Err(violated(&member.path, &format!("{} elements", list.len()), &rule));
    }
    Ok(list)
}

fn tag_key(member: &Member<'_>) -> Result<String, ApiError> {
    let key = text(member, 1, TAG_KEY_CHARS_MAX)?;
    if key.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED)) {
        return Err(ApiError::invalid(format!(
            "'{key}' at '{}' begins with '{RESERVED}', which is reserved for AWS: choose another key.",
            member.path
        )));
    }
    Ok(key)
}

fn text(member: &Member<'_>, min: usize, max: usize) -> Result<String, ApiError> {
    let text = member.sized_text(min, max)?;
    if text.chars().all(allowed) { Ok(text) } else { Err(member.pattern(PATTERN)) }
}

/// The characters of [`PATTERN`]. Unicode's property Alphabetic stands for `\p{L}`: it also has the vowel
/// signs without which words of Indic scripts cannot be written.
fn allowed(c: char) -> bool {
    let separator = c.is_whitespace() && !c.is_control();
    c.is_alphabetic() || separator || c.is_numeric() || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::members::Document;

    fn given_in(tags: Value) -> Result<Tags, ApiError> {
        let document = Document::parse(json!({ "tags": tags }).to_string().as_bytes()).unwrap();
        given(&document.members())
    }

    #[test]
    fn keys_and_values_follow_the_model() {
        for (key, value, ok) in [
            ("team", "films", true),
            ("チーム 1/a.b:c=d+e-f@g_h", "", true),
            (&"k".repeat(128), &"v".repeat(256), true),
            ("", "v", false),
            (&"k".repeat(129), "v", false),
            ("k", &"v".repeat(257), false),
            ("a,b", "v", false),
            ("k", "a\tb", false),
            ("k", "100%", false),
            ("aws:team", "v", false),
            ("AWS:team", "v", false),
            ("awsteam", "v", true),
        ] {
            let outcome = given_in(json!([{ "tagKey": key, "tagValue": value }]));
            assert_eq!(outcome.is_ok(), ok, "{key}={value}: {outcome:?}");
            if let Err(error) = outcome {
                assert_eq!(error.kind, ErrorKind::InvalidInput, "{key}={value}");
                assert!(error.message.contains("tags[0]"), "{}", error.message);
            }
        }
        let error = given_in(json!([{ "tagKey": "k" }])).unwrap_err();
        assert!(error.message.contains("tags[0].tagValue"), "{}", error.message);
    }

    #[test]
    fn a_key_twice_is_refused_and_so_are_too_many() {
        let tag = |key: String| json!({ "tagKey": key, "tagValue": "v" });
        let many = |count: usize| (0..count).map(|key| tag(key.to_string())).collect::<Vec<_>>();
        assert!(given_in(many(TAGS_MAX).into()).is_ok());
        assert_eq!(given_in(many(TAGS_MAX + 1).into()).unwrap_err().kind, ErrorKind::TooManyTags);
        let beyond = given_in(many(TAGS_PER_REQUEST_MAX + 1).into()).unwrap_err();
        assert_eq!(beyond.kind, ErrorKind::InvalidInput);
        let twice = given_in(json!([tag("k".into()), tag("k".into())])).unwrap_err();
        assert_eq!(twice.kind, ErrorKind::InvalidInput);
        assert!(twice.message.contains("'k'"), "{}", twice.message);
    }
}
