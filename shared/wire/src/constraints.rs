//! The constraints that many members share (botocore shapes `Name`, `Arn`, `RoleArn`, …).

use std::collections::BTreeMap;

use domain::{ApiError, Arn, RankingInfluence};

use crate::members::{Member, violated};

const NAME_CHARS_MAX: usize = 63;
const ROLE_ARN_CHARS_MAX: usize = 256;
const KMS_KEY_ARN_CHARS_MAX: usize = 2_048;
const COLUMN_NAME_CHARS_MAX: usize = 150;
const S3_PATH_CHARS_MAX: usize = 256;
const PARAMETERS_MAX: usize = 100;
const PARAMETER_NAME_CHARS_MAX: usize = 256;
const PARAMETER_VALUE_CHARS_MAX: usize = 1_000;

impl Member<'_> {
    /// A string of `min` to `max` characters.
    pub fn sized_text(&self, min: usize, max: usize) -> Result<String, ApiError> {
        let text = self.text()?;
        let chars = text.chars().count();
        if chars < min {
            let rule = format!("Member must have length greater than or equal to {min}");
            return Err(violated(&self.path, text, &rule));
        }
        if chars > max {
            let rule = format!("Member must have length less than or equal to {max}");
            return Err(violated(&self.path, text, &rule));
        }
        Ok(text.to_owned())
    }

    /// A resource or job name.
    pub fn name(&self) -> Result<String, ApiError> {
        let name = self.sized_text(1, NAME_CHARS_MAX)?;
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner) {
            return Ok(name);
        }
        Err(self.pattern(r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*"))
    }

    /// A Personalize ARN of any kind.
    pub fn arn(&self) -> Result<Arn, ApiError> {
        let text = self.sized_text(1, domain::arn::ARN_CHARS_MAX)?;
        text.parse().map_err(|_| self.pattern(r"arn:([a-z\d-]+):personalize:.*:.*:.+"))
    }

    /// The ARN of an IAM role.
    pub fn role_arn(&self) -> Result<String, ApiError> {
        let text = self.sized_text(1, ROLE_ARN_CHARS_MAX)?;
        if is_role_arn(&text) {
            return Ok(text);
        }
        Err(self.pattern(r"arn:([a-z\d-]+):iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"))
    }

    /// The ARN of a key of the Key Management Service.
    pub fn kms_key_arn(&self) -> Result<String, ApiError> {
        let text = self.sized_text(0, KMS_KEY_ARN_CHARS_MAX)?;
        if is_kms_key_arn(&text) {
            return Ok(text);
        }
        Err(self.pattern(r"arn:aws.*:kms:.*:[0-9]{12}:key/.*"))
    }

    /// The name of a column.
    pub fn column_name(&self) -> Result<String, ApiError> {
        let name = self.sized_text(1, COLUMN_NAME_CHARS_MAX)?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(word) {
            return Ok(name);
        }
        Err(self.pattern(r"[A-Za-z_][A-Za-z\d_]*"))
    }

    /// `s3://bucket/key` or `s3://bucket/prefix/`. `otherwise` is what the caller of the hosted
    /// service reads when the location cannot be one.
    pub fn s3_path(&self, otherwise: &str) -> Result<String, ApiError> {
        let path = self.sized_text(1, S3_PATH_CHARS_MAX)?;
        let refuse = |why: &str| {
            Err(ApiError::invalid(format!(
                "{otherwise} '{path}' at '{}' {why}; expected s3://bucket/key or s3://bucket/prefix/.",
                self.path
            )))
        };
        let Some(rest) = path.strip_prefix("s3://") else {
            return refuse("does not begin with s3://");
        };
        match rest.split_once('/') {
            Some((bucket, key)) if is_bucket(bucket) && !key.is_empty() => Ok(path),
            Some((bucket, _)) if is_bucket(bucket) => refuse("has no key after the bucket"),
            None if is_bucket(rest) => refuse("has no key after the bucket"),
            _ => refuse("does not name a bucket (3 to 63 lower-case letters, digits, dots and hyphens)"),
        }
    }

    /// One of the words of an enumeration.
    pub fn word(&self, words: &[&'static str]) -> Result<&'static str, ApiError> {
        let text = self.text()?;
        words.iter().copied().find(|word| *word == text).ok_or_else(|| {
            let rule = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            violated(&self.path, text, &rule)
        })
    }

    /// A map of parameters: at most 100, names to 256 characters, values to 1,000.
    pub fn parameters(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let map = self.strings()?;
        if map.len() > PARAMETERS_MAX {
            let rule = format!("Member must have length less than or equal to {PARAMETERS_MAX}");
            return Err(violated(&self.path, &format!("{} entries", map.len()), &rule));
        }
        for (name, value) in &map {
            for (text, max) in [(name, PARAMETER_NAME_CHARS_MAX), (value, PARAMETER_VALUE_CHARS_MAX)] {
                if text.chars().count() > max {
                    let rule = format!("Member must have length less than or equal to {max}");
                    return Err(violated(&self.path, text, &rule));
                }
            }
        }
        Ok(map)
    }

    /// What POPULARITY and FRESHNESS weigh, each from 0 to 1.
    pub fn ranking_influence(&self) -> Result<RankingInfluence, ApiError> {
        let factors = self.object()?;
        let known = ["POPULARITY", "FRESHNESS"];
        if let Some(other) = factors.names().find(|name| !known.contains(name)) {
            let keys = format!("Member must satisfy enum value set: [{}]", known.join(", "));
            let rule = format!("Map keys must satisfy constraint: [{keys}]");
            return Err(violated(&self.path, other, &rule));
        }
        let [popularity, freshness] = known.map(|name| factors.optional(name, |m| m.real(0.0, 1.0)));
        Ok(RankingInfluence { popularity: popularity?, freshness: freshness? })
    }

    /// A text that does not follow a pattern.
    pub(crate) fn pattern(&self, pattern: &str) -> ApiError {
        let rule = format!("Member must satisfy regular expression pattern: {pattern}");
        violated(&self.path, self.text().unwrap_or_default(), &rule)
    }
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let partition_ok = !partition.is_empty()
        && partition.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let account_ok = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let name_char = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
    let name_ok = resource.strip_prefix("role").is_some_and(|name| {
        let name = name.strip_prefix('/').unwrap_or(name);
        !name.is_empty() && name.chars().all(name_char)
    });
    partition_ok && account_ok && name_ok
}

fn is_kms_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "kms", _, account, resource] = parts.as_slice() else { return false };
    let account_ok = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    partition.starts_with("aws") && account_ok && resource.starts_with("key/")
}

fn is_bucket(bucket: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(inner)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::members::Document;

    fn check<T>(
        json: serde_json::Value,
        read: impl FnOnce(&Member<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let body = serde_json::json!({ "member": json }).to_string();
        let document = Document::parse(body.as_bytes()).unwrap();
        document.members().required("member", read)
    }

    #[test]
    fn names() {
        for (name, ok) in [
            ("a", true),
            ("9-films_A", true),
            (&"x".repeat(63), true),
            ("", false),
            ("-a", false),
            ("_a", false),
            ("a b", false),
            ("é", false),
            (&"x".repeat(64), false),
        ] {
            let outcome = check(name.into(), |m| m.name());
            assert_eq!(outcome.is_ok(), ok, "{name}");
            if let Err(error) = outcome {
                assert!(error.message.contains("'member'"), "{}", error.message);
            }
        }
    }

    #[test]
    fn role_arns() {
        for (arn, ok) in [
            ("arn:aws:iam::123456789012:role/PersonalizeRole", true),
            ("arn:aws-cn:iam::123456789012:role/service-role/a+b=c,d.e@f-g_h", true),
            ("arn:aws:iam::12345678901:role/Short", false),
            ("arn:aws:iam::123456789012:user/Me", false),
            ("arn:aws:iam::123456789012:role/", false),
            ("arn:aws:iam:us-east-1:123456789012:role/x", false),
            ("role", false),
            ("arn:aws:iam::123456789012:role/a b", false),
        ] {
            assert_eq!(check(arn.into(), |m| m.role_arn()).is_ok(), ok, "{arn}");
        }
    }

    #[test]
    fn kms_key_arns() {
        for (arn, ok) in [
            ("arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", true),
            ("arn:aws-cn:kms:cn-north-1:123456789012:key/x", true),
            ("arn:aws:kms:us-east-1:123456789012:alias/x", false),
            ("arn:aws:kms:us-east-1:1:key/x", false),
            ("arn:aws:s3:::key/x", false),
            ("key/x", false),
        ] {
            assert_eq!(check(arn.into(), |m| m.kms_key_arn()).is_ok(), ok, "{arn}");
        }
    }

    #[test]
    fn column_names() {
        for (name, ok) in [("GENRES", true), ("_a1", true), ("1a", false), ("a-b", false), ("", false)] {
            assert_eq!(check(name.into(), |m| m.column_name()).is_ok(), ok, "{name}");
        }
    }

    #[test]
    fn s3_paths() {
        for (path, ok) in [
            ("s3://films/ratings.csv", true),
            ("s3://films/a/b/", true),
            ("s3://films", false),
            ("s3://films/", false),
            ("s3://F/ratings.csv", false),
            ("https://films/ratings.csv", false),
            ("films/ratings.csv", false),
            (&format!("s3://films/{}", "x".repeat(300)), false),
        ] {
            assert_eq!(check(path.into(), |m| m.s3_path("Invalid Data location.")).is_ok(), ok, "{path}");
        }
        let error = check("films/x".into(), |m| m.s3_path("Invalid Data location.")).unwrap_err();
        assert!(error.message.starts_with("Invalid Data location."), "{}", error.message);
    }

    #[test]
    fn words_are_exact() {
        assert_eq!(check("FULL".into(), |m| m.word(&["FULL", "INCREMENTAL"])).unwrap(), "FULL");
        let error = check("full".into(), |m| m.word(&["FULL", "INCREMENTAL"])).unwrap_err();
        assert!(error.message.contains("[FULL, INCREMENTAL]"), "{}", error.message);
    }

    #[test]
    fn parameters_are_bounded() {
        let many: serde_json::Map<_, _> = (0..101).map(|n| (n.to_string(), "1".into())).collect();
        assert!(check(many.into(), |m| m.parameters()).is_err());
        assert!(check(serde_json::json!({ "a": 1 }), |m| m.parameters()).is_err());
        assert!(check(serde_json::json!({ "a": "x".repeat(1_001) }), |m| m.parameters()).is_err());
        assert!(check(serde_json::json!({ "a": "1" }), |m| m.parameters()).is_ok());
    }

    #[test]
    fn influences_lie_between_nothing_and_all() {
        let read = |json| check(json, |m| m.ranking_influence());
        let influence = read(serde_json::json!({ "POPULARITY": 1, "FRESHNESS": null })).unwrap();
        assert_eq!((influence.popularity, influence.freshness), (Some(1.0), None));
        for (json, told) in [
            (serde_json::json!({ "popularity": 0.5 }), "[POPULARITY, FRESHNESS]"),
            (serde_json::json!({ "FRESHNESS": 1.01 }), "less than or equal to 1"),
            (serde_json::json!({ "FRESHNESS": -0.1 }), "greater than or equal to 0"),
            (serde_json::json!({ "FRESHNESS": "0.1" }), "must be a number"),
        ] {
            let error = read(json.clone()).unwrap_err();
            assert!(error.message.contains(told), "{json}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn any_string_is_accepted_or_refused_and_never_panics(text in "\\PC*") {
            let json = serde_json::Value::from(text);
            let _ = check(json.clone(), |m| m.name());
            let _ = check(json.clone(), |m| m.arn());
            let _ = check(json.clone(), |m| m.role_arn());
            let _ = check(json, |m| m.s3_path("Invalid Data location."));
        }

        #[test]
        fn accepted_names_match_the_model(name in "[a-zA-Z0-9][a-zA-Z0-9\\-_]{0,62}") {
            prop_assert_eq!(check(name.clone().into(), |m| m.name()).unwrap(), name);
        }
    }
}
