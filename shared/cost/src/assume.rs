//! What is taken for granted, each with its reason. Where the truth is unknown the dearer guess is
//! taken for us and the cheaper one for the hosted service.

use domain::limits::{NUM_RESULTS_DEFAULT, PRECOMPUTED_RESULTS};

/// A number that the bill rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumption {
    /// What it says.
    pub what: &'static str,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Where it comes from.
    pub why: &'static str,
}

macro_rules! assumptions {
    ($($(#[$doc:meta])* $name:ident = $value:expr, $unit:literal, $what:literal, $why:literal;)*) => {
        $($(#[$doc])* pub const $name: f64 = $value;)*

        /// All of them, in the order of the bill.
        pub const ALL: &[Assumption] = &[$(Assumption { what: $what, value: $name, unit: $unit, why: $why }),*];
    };
}

assumptions! {
    /// Serving function's memory.
    SERVING_GB = 0.25, "GB", "Memory of the function that answers", "planned; it holds no model";
    /// Serving function's time for a request.
    SERVING_SECONDS = 0.015, "s", "Its billed time for a request", "guess: a signature check and two GetItems; cold starts included";
    /// Read units for the list of a request.
    LIST_READ_UNITS = 0.5, "read units", "Read units for a list", "one eventually consistent GetItem of at most 4 KB";
    /// Read units for the campaign's pointer for a request.
    POINTER_READ_UNITS = 1.0, "read units", "Read units for the campaign of a request", "a consistent GetItem, remembered for a second; at worst one a request";
    /// Bytes of an answer.
    ANSWER_BYTES = 45.0 * NUM_RESULTS_DEFAULT as f64 + 400.0, "bytes", "Size of an answer with its headers", "25 items of 45 bytes; leaves AWS on our side, left out on the hosted side";
    /// Logged bytes for a request.
    LOG_BYTES = 500.0, "bytes", "Logged for a request", "Lambda's START, END and REPORT lines and one of ours";
    /// Bytes of a list's row, as DynamoDB counts them.
    LIST_ROW_BYTES = 9.6 * PRECOMPUTED_RESULTS as f64, "bytes", "Size of a stored list with its keys", "100 ids of 8 characters with scores, as published; a test of the command compares";
    /// What a write unit covers.
    WRITE_UNIT_BYTES = 1024.0, "bytes", "Covered by a write unit", "DynamoDB; so a list is one write unit";
    /// Bytes that DynamoDB adds to each row in storage.
    ROW_OVERHEAD_BYTES = 100.0, "bytes", "Added by DynamoDB to a stored row", "DynamoDB, billing of storage";
    /// Slots of lists of a campaign.
    SLOTS = 2.0, "slots", "Slots of lists of a campaign", "one serves while the next lists are written over the other; none is ever deleted";
    /// Models that are kept.
    VERSIONS_KEPT = 2.0, "versions", "Models kept", "what is served and what a rollback needs";
    /// Epochs of a training.
    EPOCHS = 10.0, "epochs", "Epochs of a training", "default of aws-hrnn";
    /// Trainings of a solution version.
    PASSES = 2.0, "trainings", "Trainings of a solution version", "on 90 % for the metrics, then on everything";
    /// Events a second in the training function.
    LAMBDA_EVENTS_PER_SECOND = 2.0 * 160_000.0, "events/s", "Training in a function", "160,000 measured on two cores; twice that assumed of the about six vCPUs";
    /// Memory of the large functions.
    LARGE_GB = 10.0, "GB", "Memory of the functions that train and publish", "the most that Lambda has, 10,240 MB";
    /// Longest training in a function.
    LAMBDA_SECONDS_MAX = 900.0, "s", "Longest training in a function", "Lambda; of function and GPU the cheaper one that can is taken";
    /// Events a second on the GPU.
    GPU_EVENTS_PER_SECOND = 1_500_000.0, "events/s", "Training on a g4dn.xlarge", "assumed for planning, not measured yet";
    /// Seconds of a GPU instance around a training.
    GPU_START_SECONDS = 300.0, "s", "Start and stop of the GPU instance", "guess: boot, image, shutdown";
    /// Disk of a GPU instance.
    GPU_DISK_GB = 100.0, "GB", "Disk of the GPU instance", "machine image, container, data";
    /// Scored user and item pairs a second when lists are published.
    PAIRS_PER_SECOND = 2.0 * 230_000_000.0, "pairs/s", "Scoring for all users, in a function", "24,369 lists/s over 9,724 items measured on two cores; twice that assumed";
    /// Lists a second that a publishing function writes.
    LISTS_PER_SECOND = 4_000.0, "lists/s", "Lists written by a publishing function", "8 batches of 25 in flight at 50 ms; a new on-demand table takes 4,000";
    /// Users of a publishing function.
    USERS_PER_SHARD = 250_000.0, "users", "Users of a publishing function", "planned; each reads all interactions";
    /// Interactions a second that a publishing function reads.
    INTERACTIONS_READ_PER_SECOND = 5_000_000.0, "rows/s", "Histories read by a publishing function", "guess";
    /// Rows a second that an import function reads.
    ROWS_IMPORTED_PER_SECOND = 1_200_000.0, "rows/s", "Rows imported by a function", "half of what was measured on two cores";
    /// Memory of an import function.
    IMPORT_GB = 3.5, "GB", "Memory of an import function", "two vCPUs";
    /// Bytes of an interaction in CSV.
    CSV_BYTES = 30.0, "bytes", "An interaction in CSV", "ids of 8 characters, a timestamp, separators";
    /// Bytes of an interaction in Parquet.
    PARQUET_BYTES = 12.0, "bytes", "An interaction in Parquet", "guess";
    /// Bytes of CSV in a part.
    PART_BYTES = 16.0 * 1024.0 * 1024.0, "bytes", "CSV text in a part", "default of the import";
    /// Bytes of an item in the model.
    MODEL_BYTES_PER_ITEM = 1024.0, "bytes", "An item in the model", "two embeddings of 128 numbers";
    /// State transitions of a training and its publication.
    TRANSITIONS = 20.0, "transitions", "State transitions of a training and its publication", "planned state machine";
    /// Memory billed to a child execution.
    EXPRESS_GB = 0.0625, "GB", "Memory billed to a child execution", "smallest chunk, 64 MB";
    /// Size of the trainer's image.
    IMAGE_GB = 2.0, "GB", "The trainer's container image", "guess: CUDA libraries";
    /// Alarms of a deployment.
    ALARMS = 10.0, "alarms", "Alarms of a deployment", "planned; ten are free in an account";
    /// Alarms that are free.
    ALARMS_FREE = 10.0, "alarms", "Free alarms", "always free in CloudWatch";
    /// Hours of a training as the hosted service meters them.
    HOSTED_TRAINING_HOURS = 40.0 / 60.0, "training hours", "A training at the hosted service, at least", "AWS's notebooks: 100,000 interactions took 40 to 60 minutes; the least is taken, whatever the size";
    /// Interactions behind that time.
    HOSTED_TRAINING_INTERACTIONS = 100_000.0, "interactions", "Interactions behind that time", "the same notebooks; its meter counts hours of 4 vCPUs and 8 GiB, so larger trainings are billed more than the clock shows";
    /// Hours of a month for the hosted minimum.
    HOSTED_HOURS = 24.0 * 30.0, "hours", "Hours in which the campaign's minimum of one request a second is billed", "a campaign bills at least 1 TPS while it exists";
}

/// Write units of one list.
pub fn list_write_units() -> f64 {
    (LIST_ROW_BYTES / WRITE_UNIT_BYTES).ceil()
}
