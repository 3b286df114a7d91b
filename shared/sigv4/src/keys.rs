//! The access keys that may call.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Access key ids and their secrets.
#[derive(Clone, Default)]
pub struct Keys {
    secrets: BTreeMap<String, String>,
}

/// Why a secret does not hold keys. The texts go to logs, so none shows any part of a value: what stands
/// in the wrong place may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not JSON at all.
    #[error("the access keys are not JSON (line {line}, column {column}); {EXPECTED}")]
    Json {
        /// Where reading stopped, counted from 1.
        line: usize,
        /// Where reading stopped, counted from 1.
        column: usize,
    },
    /// JSON, but a list, a string or the like.
    #[error("the access keys are not a JSON object; {EXPECTED}")]
    NotAnObject,
    /// The secret is a number, an object or the like.
    #[error("the secret of access key '{0}' is not a string; {EXPECTED}")]
    NotAString(String),
    /// No client could ever name this id. It is not shown, for it may be a secret that was put first.
    #[error("an access key id cannot be used: an id is letters, digits, '_', '-' or '.'; {EXPECTED}")]
    Id,
    /// Anybody could sign with an empty secret, and nobody with the blank that was pasted along.
    #[error("the secret of access key '{0}' is empty, or begins or ends with white space; {EXPECTED}")]
    Secret(String),
}

const EXPECTED: &str = r#"expected {"<access key id>": "<secret access key>", ...}"#;

impl Keys {
    /// Reads `{"<access key id>": "<secret access key>", ...}`. An empty object is a valid answer to who may
    /// call: nobody.
    pub fn parse(json: &str) -> Result<Self, KeysError> {
        // By way of `Value`: serde's complaint about a wrong type would quote the value.
        let document: Value = serde_json::from_str(json)
            .map_err(|error| KeysError::Json { line: error.line(), column: error.column() })?;
        let Value::Object(members) = document else {
            return Err(KeysError::NotAnObject);
        };
        let mut secrets = BTreeMap::new();
        for (id, secret) in members {
            let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            if id.is_empty() || !id.bytes().all(usable) {
                return Err(KeysError::Id);
            }
            let Value::String(secret) = secret else {
                return Err(KeysError::NotAString(id));
            };
            if secret.is_empty() || secret.trim() != secret {
                return Err(KeysError::Secret(id));
            }
            secrets.insert(id, secret);
        }
        Ok(Self { secrets })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether nobody may call.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    pub(crate) fn secret(&self, id: &str) -> Option<&str> {
        self.secrets.get(id).map(String::as_str)
    }
}

/// Ids only.
impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Keys").field(&self.secrets.keys().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_an_object_of_strings() {
        let keys = Keys::parse(r#"{"AKIA1": "s3cr3t/+", "AKIA2": "other"}"#).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys.secret("AKIA1"), Some("s3cr3t/+"));
        assert_eq!(keys.secret("akia1"), None);
    }

    #[test]
    fn no_keys_are_valid() {
        assert!(Keys::parse("{}").unwrap().is_empty());
        assert!(Keys::default().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let id = || "AKIA".to_owned();
        for (json, error) in [
            ("", KeysError::Json { line: 1, column: 0 }),
            ("AKIA=hidden", KeysError::Json { line: 1, column: 1 }),
            ("{\n\"AKIA\": \"hidden\",}", KeysError::Json { line: 2, column: 18 }),
            (r#""hidden""#, KeysError::NotAnObject),
            (r#"["AKIA", "hidden"]"#, KeysError::NotAnObject),
            (r#"{"AKIA": {"secret": "hidden"}}"#, KeysError::NotAString(id())),
            (r#"{"AKIA": 5}"#, KeysError::NotAString(id())),
            (r#"{"AKIA": ""}"#, KeysError::Secret(id())),
            (r#"{"AKIA": "hidden\n"}"#, KeysError::Secret(id())),
            (r#"{"": "hidden"}"#, KeysError::Id),
            (r#"{"AK/IA": "hidden"}"#, KeysError::Id),
        ] {
            assert_eq!(Keys::parse(json).unwrap_err(), error, "{json}");
        }
    }

    #[test]
    fn neither_debug_nor_an_error_shows_a_secret() {
        let keys = Keys::parse(r#"{"AKIA1": "hidden"}"#).unwrap();
        assert_eq!(format!("{keys:?}"), r#"Keys(["AKIA1"])"#);
        for json in [
            r#""hidden""#,
            r#"{"AKIA1": "hidden" "#,
            r#"{"A": ["hidden"]}"#,
            r#"{"A": " hidden"}"#,
            r#"{"hidden/+": "A"}"#,
        ] {
            let error = Keys::parse(json).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
        }
    }
}
