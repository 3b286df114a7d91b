//! Which dataset an uploaded object belongs to.

use domain::resource::DatasetType;

use crate::event::Created;

/// Where an upload goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name of the dataset group.
    pub group: String,
    /// Which of its datasets.
    pub dataset_type: DatasetType,
}

/// Why an object is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnUpload {
    /// Another bucket's event.
    #[error("the object is not in the deployment's bucket")]
    OtherBucket,
    /// Not `.csv` or `.csv.gz`.
    #[error("the key does not end in .csv or .csv.gz")]
    NotCsv,
    /// Not `<group>/<type>/<file>`.
    #[error("the key is not <dataset group>/<interactions, items or users>/<file>.csv")]
    OtherPlace,
}

/// Reads the destination out of the key: `<dataset group>/<type>/…/<file>.csv`.
pub fn destination(bucket: &str, object: &Created) -> Result<Destination, NotAnUpload> {
    if object.bucket != bucket {
        return Err(NotAnUpload::OtherBucket);
    }
    let lower = object.key.to_ascii_lowercase();
    if !(lower.ends_with(".csv") || lower.ends_with(".csv.gz")) {
        return Err(NotAnUpload::NotCsv);
    }
    let mut segments = object.key.split('/');
    match (segments.next(), segments.next().and_then(DatasetType::parse), segments.next()) {
        (Some(group), Some(dataset_type), Some(_)) if !group.is_empty() => {
            Ok(Destination { group: group.to_owned(), dataset_type })
        }
        _ => Err(NotAnUpload::OtherPlace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_csv_under_a_group_and_a_type_is_an_upload() {
        for (bucket, key, expected) in [
            ("b", "films/interactions/a.csv", Ok(DatasetType::Interactions)),
            ("b", "films/Items/2026/a.CSV.gz", Ok(DatasetType::Items)),
            ("other", "films/items/a.csv", Err(NotAnUpload::OtherBucket)),
            ("b", "films/items/a.parquet", Err(NotAnUpload::NotCsv)),
            ("b", "films/actors/a.csv", Err(NotAnUpload::OtherPlace)),
            ("b", "a.csv", Err(NotAnUpload::OtherPlace)),
            ("b", "/items/a.csv", Err(NotAnUpload::OtherPlace)),
            ("b", "films/items.csv", Err(NotAnUpload::OtherPlace)),
        ] {
            let object = Created {
                bucket: bucket.into(),
                key: key.into(),
                etag: String::new(),
                sequencer: String::new(),
            };
            assert_eq!(destination("b", &object).map(|found| found.dataset_type), expected, "{key}");
        }
    }
}
