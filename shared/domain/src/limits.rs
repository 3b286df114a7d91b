//! Quotas and sizes, with the page they come from.
//!
//! "Guide" is the Amazon Personalize developer guide, page "Amazon Personalize endpoints and quotas".

/// Longest `USER_ID` and `ITEM_ID`, in characters (guide; botocore `UserID`, `ItemID`).
pub const ID_CHARS_MAX: usize = 256;
/// Longest value of a categorical column, in characters (guide).
pub const CATEGORICAL_CHARS_MAX: usize = 1_000;
/// Fewest interactions that a model may be trained on, after the event-type filter (guide).
pub const TRAINING_INTERACTIONS_MIN: usize = 1_000;
/// Fewest users with at least [`TRAINING_USER_INTERACTIONS_MIN`] interactions each (guide).
pub const TRAINING_USERS_MIN: usize = 25;
/// See [`TRAINING_USERS_MIN`].
pub const TRAINING_USER_INTERACTIONS_MIN: usize = 2;
/// Longest schema text, in characters (botocore `AvroSchema`).
pub const SCHEMA_CHARS_MAX: usize = 20_000;
/// Answers given when `numResults` is absent (guide).
pub const NUM_RESULTS_DEFAULT: usize = 25;
/// Most answers that one request may ask for (guide).
pub const NUM_RESULTS_MAX: usize = 500;
/// Actions given when `numResults` is absent (botocore, `GetActionRecommendations`).
pub const ACTION_RESULTS_DEFAULT: usize = 5;
/// Most actions that one request may ask for (the same).
pub const ACTION_RESULTS_MAX: usize = 100;
/// Most actions that a training knows (guide, "Endpoints and quotas").
pub const ACTIONS_MAX: usize = 1_000;
/// An action is scored once it has so many interactions of each outcome (guide, the recipe's page) …
pub const ACTION_OUTCOMES_MIN: usize = 50;
/// … in the last so many days of the data: six weeks (the same).
pub const ACTION_OUTCOMES_DAYS: i64 = 42;
/// Most items that one request may put in order (guide).
pub const INPUT_LIST_MAX: usize = 500;
/// Most items of one answer that comes with metadata (guide).
pub const RESULTS_WITH_METADATA_MAX: usize = 50;
/// Most columns of metadata in one answer (guide).
pub const METADATA_COLUMNS_MAX: usize = 10;
/// Recommendations kept precomputed for each user or item; longer answers are scored live.
pub const PRECOMPUTED_RESULTS: usize = 100;
/// Most users of a segment (guide).
pub const SEGMENT_USERS_MAX: usize = 5_000_000;
/// Most lines in one input file of a segment job of `aws-item-affinity` (guide, the recipe's page).
pub const SEGMENT_ITEM_QUERIES_MAX: usize = 500;
/// Most lines in one input file of a segment job of `aws-item-attribute-affinity` (the same).
pub const SEGMENT_ATTRIBUTE_QUERIES_MAX: usize = 10;
/// Most tags of one resource (guide).
pub const TAGS_MAX: usize = 50;
/// Most tags, or keys of tags, in one request (botocore `Tags`, `TagKeys`).
pub const TAGS_PER_REQUEST_MAX: usize = 200;
/// Longest key of a tag, in characters (botocore `TagKey`).
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Longest value of a tag, in characters (botocore `TagValue`).
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Page size of the list operations when `maxResults` is absent, and its maximum (botocore `MaxResults`).
pub const LIST_RESULTS_MAX: usize = 100;
/// How often a step that was cut off is tried again before its resource ends as CREATE FAILED.
pub const ATTEMPTS_MAX: u32 = 3;

/// Events, items or users in one call of the events API (guide).
pub const RECORDS_PER_CALL_MAX: usize = 10;
/// Largest event, in bytes of its JSON (guide).
pub const EVENT_BYTES_MAX: usize = 10 * 1024;
/// Longest `properties` of an event, in characters (botocore `EventPropertiesJSON`).
pub const EVENT_PROPERTIES_CHARS_MAX: usize = 1_024;
/// Longest `properties` of an item, in characters (botocore `ItemProperties`).
pub const ITEM_PROPERTIES_CHARS_MAX: usize = 32_000;
/// Longest `properties` of an action, in characters (botocore `ActionProperties`).
pub const ACTION_PROPERTIES_CHARS_MAX: usize = 32_000;
/// Longest `properties` of a user, in characters (botocore `UserProperties`).
pub const USER_PROPERTIES_CHARS_MAX: usize = 24_000;
/// Days after its last event that a session without a user is kept. Ours: the guide names none.
pub const ANONYMOUS_DAYS: i64 = 30;
/// Longest filter expression, in characters (botocore `FilterExpression`).
pub const FILTER_EXPRESSION_CHARS_MAX: usize = 2_500;
/// Distinct columns that one filter may test (guide, 2025).
pub const FILTER_FIELDS_MAX: usize = 10;
/// Parameters of one filter, and values in one request (botocore `FilterValues`).
pub const FILTER_PARAMETERS_MAX: usize = 25;
/// Interactions of a user that a filter looks at, for each event type, latest first (guide).
pub const FILTER_EVENTS_PER_TYPE: usize = 100;
/// The same of interactions with actions (guide).
pub const FILTER_ACTION_EVENTS_PER_TYPE: usize = 300;

/// Largest input of a data deletion job, in bytes of its files (guide: 100 MB).
pub const DELETION_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// How long a reader believes what a campaign or recommender serves, in milliseconds. A deployment, a
/// rollback or a stop is seen by everybody within this time.
pub const SERVING_FRESH_MS: u64 = 1_000;

/// How many of each resource a deployment may hold. The hosted service's numbers are the default.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Schemas in a region.
    pub schemas: usize,
    /// Dataset groups in a region.
    pub dataset_groups: usize,
    /// Solutions in a dataset group.
    pub solutions_per_group: usize,
    /// Campaigns in a dataset group.
    pub campaigns_per_group: usize,
    /// Import jobs pending or in progress in a region.
    pub imports_in_flight: usize,
    /// Solution versions pending or in progress in a region.
    pub solution_versions_in_flight: usize,
    /// Batch inference jobs pending or in progress in a region.
    pub batch_inference_in_flight: usize,
    /// Batch segment jobs pending or in progress in a region.
    pub batch_segment_in_flight: usize,
    /// Export jobs pending or in progress in a region. Ours: the guide names none.
    pub exports_in_flight: usize,
    /// Data deletion jobs pending or in progress in a dataset group.
    pub deletions_in_flight: usize,
    /// Filters in a dataset group.
    pub filters_per_group: usize,
    /// Distinct columns over all filters of a dataset group.
    pub filter_fields_per_group: usize,
    /// Recommenders in a dataset group.
    pub recommenders_per_group: usize,
}

impl Quotas {
    /// The same number of everything. The hosted service's quotas protect a shared fleet; on one's own
    /// machine the disk is the limit.
    pub fn each(most: usize) -> Self {
        Self {
            schemas: most,
            dataset_groups: most,
            solutions_per_group: most,
            campaigns_per_group: most,
            imports_in_flight: most,
            solution_versions_in_flight: most,
            batch_inference_in_flight: most,
            batch_segment_in_flight: most,
            exports_in_flight: most,
            deletions_in_flight: most,
            filters_per_group: most,
            filter_fields_per_group: most,
            recommenders_per_group: most,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            schemas: 500,
            dataset_groups: 5,
            solutions_per_group: 10,
            campaigns_per_group: 5,
            imports_in_flight: 5,
            solution_versions_in_flight: 20,
            batch_inference_in_flight: 5,
            batch_segment_in_flight: 5,
            exports_in_flight: 5,
            deletions_in_flight: 5,
            filters_per_group: 30,
            filter_fields_per_group: 20,
            recommenders_per_group: 5,
        }
    }
}
