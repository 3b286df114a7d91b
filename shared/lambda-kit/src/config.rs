//! Settings from the environment, read once before anything else.

/// A variable that is missing or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set; the template sets it")]
    Missing(&'static str),
    /// It says something else than it may.
    #[error("the environment variable {name} is '{value}'; it must be {must}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        must: &'static str,
    },
}

/// The value of a variable that must be there.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// The value of a variable; an empty one counts as absent.
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A number, or `default` where the variable is absent.
pub fn number<T: std::str::FromStr>(name: &'static str, default: T) -> Result<T, ConfigError> {
    match optional(name) {
        None => Ok(default),
        Some(value) => {
            value.parse().map_err(|_| ConfigError::Invalid { name, value, must: "a whole number" })
        }
    }
}

/// What all functions of a stack share.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Region and account of the ARNs that are given out.
    pub scope: domain::Scope,
    /// Prefix of the table names.
    pub table_prefix: String,
    /// The stack's bucket.
    pub bucket: String,
}

impl Stack {
    /// Reads `AWS_REGION`, `ACCOUNT_ID`, `TABLE_PREFIX` and `BUCKET`.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            scope: domain::Scope { region: required("AWS_REGION")?, account: required("ACCOUNT_ID")? },
            table_prefix: required("TABLE_PREFIX")?,
            bucket: required("BUCKET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_variable() {
        assert_eq!(required("OSUSUME_NOT_SET"), Err(ConfigError::Missing("OSUSUME_NOT_SET")));
        assert_eq!(number("OSUSUME_NOT_SET", 7), Ok(7));
        assert!(ConfigError::Missing("BUCKET").to_string().contains("BUCKET"));
    }
}
