//! Amazon Resource Names of the service `personalize`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Longest ARN that the API accepts, in characters (botocore model, shape `Arn`).
pub const ARN_CHARS_MAX: usize = 256;

/// What kind of thing an ARN names; the first segment of its resource part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ResourceKind {
    DatasetGroup,
    Schema,
    Dataset,
    DatasetImportJob,
    Solution,
    SolutionVersion,
    Campaign,
    BatchInferenceJob,
    BatchSegmentJob,
    Recipe,
    Algorithm,
    FeatureTransformation,
    EventTracker,
    DatasetExportJob,
    Filter,
    DataDeletionJob,
    MetricAttribution,
    Recommender,
    /// What a recommender has trained; the API does not show it.
    RecommenderVersion,
    /// A kind that Personalize has and that is not built here yet.
    Other,
}

impl ResourceKind {
    /// The segment as ARNs spell it. A solution version is `solution/<name>/<id>`, and so is a recommender's.
    pub fn segment(self) -> &'static str {
        match self {
            Self::DatasetGroup => "dataset-group",
            Self::Schema => "schema",
            Self::Dataset => "dataset",
            Self::DatasetImportJob => "dataset-import-job",
            Self::Solution | Self::SolutionVersion => "solution",
            Self::Campaign => "campaign",
            Self::BatchInferenceJob => "batch-inference-job",
            Self::BatchSegmentJob => "batch-segment-job",
            Self::Recipe => "recipe",
            Self::Algorithm => "algorithm",
            Self::FeatureTransformation => "feature-transformation",
            Self::EventTracker => "event-tracker",
            Self::DatasetExportJob => "dataset-export-job",
            Self::Filter => "filter",
            Self::DataDeletionJob => "data-deletion-job",
            Self::MetricAttribution => "metric-attribution",
            Self::Recommender | Self::RecommenderVersion => "recommender",
            Self::Other => "",
        }
    }
}

/// The region and account that own the resources of one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// For example `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Scope {
    /// The ARN of a resource in this scope. `tail` is what follows the kind, for example a name.
    pub fn arn(&self, kind: ResourceKind, tail: &str) -> Arn {
        Arn(format!("arn:aws:personalize:{}:{}:{}/{tail}", self.region, self.account, kind.segment()))
    }
}

/// A well-formed Personalize ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

impl Arn {
    /// The ARN of a recipe, algorithm or feature transformation, which no account owns.
    pub fn service_owned(kind: ResourceKind, name: &str) -> Self {
        Self(format!("arn:aws:personalize:::{}/{name}", kind.segment()))
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the ARN names.
    pub fn kind(&self) -> ResourceKind {
        let mut segments = self.resource_part().split('/');
        match (segments.next().unwrap_or_default(), segments.count()) {
            ("dataset-group", 1) => ResourceKind::DatasetGroup,
            ("schema", 1) => ResourceKind::Schema,
            ("dataset", 2) => ResourceKind::Dataset,
            ("dataset-import-job", 1) => ResourceKind::DatasetImportJob,
            ("solution", 1) => ResourceKind::Solution,
            ("solution", 2) => ResourceKind::SolutionVersion,
            ("campaign", 1) => ResourceKind::Campaign,
            ("batch-inference-job", 1) => ResourceKind::BatchInferenceJob,
            ("batch-segment-job", 1) => ResourceKind::BatchSegmentJob,
            ("recipe", 1) => ResourceKind::Recipe,
            ("algorithm", 1) => ResourceKind::Algorithm,
            ("feature-transformation", 1) => ResourceKind::FeatureTransformation,
            ("event-tracker", 1) => ResourceKind::EventTracker,
            ("dataset-export-job", 1) => ResourceKind::DatasetExportJob,
            ("filter", 1) => ResourceKind::Filter,
            ("data-deletion-job", 1) => ResourceKind::DataDeletionJob,
            ("metric-attribution", 1) => ResourceKind::MetricAttribution,
            ("recommender", 1) => ResourceKind::Recommender,
            ("recommender", 2) => ResourceKind::RecommenderVersion,
            _ => ResourceKind::Other,
        }
    }

    /// What follows the kind: a name, `<group>/<TYPE>` or `<solution>/<version id>`.
    pub fn tail(&self) -> &str {
        self.resource_part().split_once('/').map_or("", |(_, tail)| tail)
    }

    /// For a version, the ARN of its solution or recommender; for anything else, itself.
    pub fn solution(&self) -> Arn {
        match (self.kind(), self.0.rsplit_once('/')) {
            (ResourceKind::SolutionVersion | ResourceKind::RecommenderVersion, Some((trainer, _))) => {
                Arn(trainer.to_owned())
            }
            _ => self.clone(),
        }
    }

    fn resource_part(&self) -> &str {
        self.0.splitn(6, ':').nth(5).unwrap_or_default()
    }
}

impl FromStr for Arn {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let partition_ok = |p: &str| {
            !p.is_empty() && p.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        match parts.as_slice() {
            ["arn", partition, "personalize", _, _, resource]
                if partition_ok(partition)
                    && !resource.is_empty()
                    && text.chars().count() <= ARN_CHARS_MAX =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ApiError::invalid(format!(
                "'{text}' is not a Personalize ARN: expected \
                 arn:aws:personalize:<region>:<account>:<kind>/<name> of at most {ARN_CHARS_MAX} characters"
            ))),
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = ApiError;

    fn try_from(text: String) -> Result<Self, ApiError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_by_segment_and_depth() {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let version: Arn = scope.arn(ResourceKind::SolutionVersion, "films/0a1b2c3d");
        assert_eq!(version.kind(), ResourceKind::SolutionVersion);
        assert_eq!(version.solution().kind(), ResourceKind::Solution);
        assert_eq!(version.solution().tail(), "films");
        let version: Arn = scope.arn(ResourceKind::RecommenderVersion, "films/0a1b2c3d");
        assert_eq!(version.kind(), ResourceKind::RecommenderVersion);
        assert_eq!(version.solution(), scope.arn(ResourceKind::Recommender, "films"));
        let dataset = scope.arn(ResourceKind::Dataset, "films/INTERACTIONS");
        assert_eq!((dataset.kind(), dataset.tail()), (ResourceKind::Dataset, "films/INTERACTIONS"));
    }

    #[test]
    fn malformed_arns_are_refused() {
        for text in
            ["", "arn:aws:s3:::bucket", "arn:aws:personalize:us-east-1:1", "arn:AWS:personalize:a:b:c/d"]
        {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
        assert!(format!("arn:aws:personalize:r:a:schema/{}", "x".repeat(300)).parse::<Arn>().is_err());
    }
}
