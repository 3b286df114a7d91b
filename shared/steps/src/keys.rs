//! Where objects lie in the deployment's bucket.
//!
//! Everything that the service writes is below [`INTERNAL`]; uploads by users lie beside it under
//! `<dataset group>/<dataset type>/`. Every key derives from the resource it belongs to, so a
//! repeated step overwrites its own leftovers.

use domain::{Arn, ResourceKind};

/// Prefix of everything that the service keeps for itself.
pub const INTERNAL: &str = "_osusume/";

/// Parts, manifest and quarantine of one import, and its ranges while it is spread over machines.
/// `dataset` is `<group>/<TYPE>`.
pub fn import_prefix(dataset: &Arn, job: &Arn) -> String {
    format!("{INTERNAL}datasets/{}/{}/", dataset.tail(), job.tail())
}

/// Plan and outcomes of the ranges of one import, which are of no use once it is committed.
pub fn ranges_prefix(import_prefix: &str) -> String {
    format!("{import_prefix}ranges/")
}

/// Everything of one dataset.
pub fn dataset_prefix(dataset: &Arn) -> String {
    format!("{INTERNAL}datasets/{}/", dataset.tail())
}

/// Where what belongs to recommenders lies, below [`INTERNAL`].
pub(crate) const RECOMMENDERS: &str = "recommenders/";

/// What belongs to a version, or to what serves one, below a folder. Solutions and campaigns may have the
/// names of recommenders, so those have folders of their own.
fn below(folder: &str, arn: &Arn) -> String {
    match arn.kind() {
        ResourceKind::Recommender | ResourceKind::RecommenderVersion => {
            format!("{INTERNAL}{RECOMMENDERS}{folder}/{}/", arn.tail())
        }
        _ => format!("{INTERNAL}{folder}/{}/", arn.tail()),
    }
}

/// The artifact of a solution version. Its tail is `<solution>/<version id>`.
pub fn model_prefix(version: &Arn) -> String {
    below("models", version)
}

/// What a training read beside the imported data, for each of its attempts, and its checkpoints.
pub fn training_prefix(version: &Arn) -> String {
    below("training", version)
}

/// The two places where the training of a version leaves its checkpoints in turn.
pub fn checkpoints(version: &Arn) -> [String; 2] {
    [0, 1].map(|turn| format!("{}checkpoint.{turn}", training_prefix(version)))
}

/// What the trials of a version's search leave for each other.
pub fn trials_prefix(version: &Arn) -> String {
    below("trials", version)
}

/// Everything of a version.
pub fn of_version(version: &Arn) -> [String; 3] {
    [model_prefix(version), training_prefix(version), trials_prefix(version)]
}

/// What the stages of a campaign's deployments leave for each other.
pub fn deployments_prefix(campaign: &Arn) -> String {
    below("deployments", campaign)
}

/// Receipts of the shards of one version's deployment to a campaign.
pub fn deployment_prefix(campaign: &Arn, version: &Arn) -> String {
    format!("{}{}/", deployments_prefix(campaign), version.tail())
}

/// What the stages of a batch, export or deletion job leave for each other. Jobs of different kinds may share a name.
pub fn batch_prefix(job: &Arn) -> String {
    format!("{INTERNAL}{}/{}/", job.kind().segment(), job.tail())
}

/// What a data deletion job says that it did.
pub fn deletion_receipt(group: &Arn, job: &Arn) -> String {
    format!("{INTERNAL}data-deletions/{}/{}.json", group.tail(), job.tail())
}

/// Receipts of all data deletion jobs of a group.
pub fn deletion_receipts_prefix(group: &Arn) -> String {
    format!("{INTERNAL}data-deletions/{}/", group.tail())
}

/// Where an upload goes that shall import itself.
pub fn upload_key(group: &str, dataset_type: domain::resource::DatasetType, file_name: &str) -> String {
    format!("{group}/{}/{file_name}", dataset_type.as_str().to_lowercase())
}
