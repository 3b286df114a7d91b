//! Places in S3, as users write them.

use std::fmt;
use std::str::FromStr;

use domain::ApiError;

/// `s3://bucket/key`: an object, or a prefix when the key is empty or ends in `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct S3Location {
    /// The bucket's name.
    pub bucket: String,
    /// The key, without a leading `/`.
    pub key: String,
}

/// A text that is not a place in S3.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an S3 location: {problem}. Write s3://bucket/path/file.csv or s3://bucket/path/")]
pub struct LocationError {
    /// What the user wrote.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Longest key, in bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects").
const KEY_BYTES_MAX: usize = 1024;

impl S3Location {
    /// Whether it names everything under a path instead of one object.
    pub fn is_prefix(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// The same bucket with another key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { bucket: self.bucket.clone(), key: key.into() }
    }

    /// A key below this one; a `/` is put between where there is none.
    pub fn join(&self, tail: &str) -> Self {
        let slash = if self.is_prefix() { "" } else { "/" };
        self.with_key(format!("{}{slash}{tail}", self.key))
    }

    /// What follows the last `/` of the key.
    pub fn file_name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for S3Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let fail = |problem: &str| LocationError { text: text.to_owned(), problem: problem.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(|| fail("it does not begin with s3://"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if bucket.is_empty() {
            return Err(fail("the bucket's name is missing"));
        }
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(letters) {
            return Err(fail(&format!(
                "the bucket name '{bucket}' must be 3 to 63 lower-case letters, digits, hyphens and dots"
            )));
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(fail(&format!("the key has {} bytes, more than {KEY_BYTES_MAX}", key.len())));
        }
        if key.contains('\0') {
            return Err(fail("the key holds a NUL character"));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl From<LocationError> for ApiError {
    fn from(error: LocationError) -> Self {
        ApiError::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_and_written_back() {
        let cases = [
            ("s3://films/ratings.csv", "films", "ratings.csv", false),
            ("s3://films/a b/ü+%.csv", "films", "a b/ü+%.csv", false),
            ("s3://films/out/", "films", "out/", true),
            ("s3://my.films-1/", "my.films-1", "", true),
        ];
        for (text, bucket, key, is_prefix) in cases {
            let at: S3Location = text.parse().expect(text);
            assert_eq!(
                (at.bucket.as_str(), at.key.as_str(), at.is_prefix()),
                (bucket, key, is_prefix),
                "{text}"
            );
            assert_eq!(at.to_string(), text);
        }
        assert_eq!("s3://films".parse::<S3Location>().expect("a bucket").key, "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!("s3://films/{}", "x".repeat(1025));
        let cases = [
            ("", "does not begin with s3://"),
            ("https://films.s3.amazonaws.com/a", "does not begin with s3://"),
            ("S3://films/a", "does not begin with s3://"),
            ("s3://", "name is missing"),
            ("s3:///a", "name is missing"),
            ("s3://Films/a", "'Films'"),
            ("s3://fi/a", "3 to 63"),
            ("s3://films/a\0b", "NUL"),
            (&long, "1025 bytes"),
        ];
        for (text, problem) in cases {
            let error = text.parse::<S3Location>().expect_err(text).to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn keys_are_joined_with_one_slash() {
        let at: S3Location = "s3://films/models".parse().expect("a location");
        assert_eq!(at.join("1").key, "models/1");
        assert_eq!(at.join("1/").join("model.json").key, "models/1/model.json");
    }
}
