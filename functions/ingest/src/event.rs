//! The S3 event notification message, as far as it is needed.
//!
//! Shape: Amazon S3 User Guide, "Event message structure".

use serde::Deserialize;

/// An object that was put, copied or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Bucket name.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// ETag without quotes; tells contents apart.
    pub etag: String,
    /// Grows with each put of the same key.
    pub sequencer: String,
}

/// The event is not one of S3's.
#[derive(Debug, thiserror::Error)]
#[error("the event is not an S3 event notification")]
pub struct EventError(#[source] serde_json::Error);

#[derive(Deserialize)]
struct Message {
    /// Absent in the `s3:TestEvent` that S3 sends when a notification is set up.
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(rename = "eTag", default)]
    etag: String,
    #[serde(default)]
    sequencer: String,
}

/// The created objects of an event; records of other events are passed over.
pub fn created_objects(event: &[u8]) -> Result<Vec<Created>, EventError> {
    let message: Message = serde_json::from_slice(event).map_err(EventError)?;
    let created = message.records.into_iter().filter(|record| {
        record.event_name.strip_prefix("s3:").unwrap_or(&record.event_name).starts_with("ObjectCreated:")
    });
    Ok(created
        .map(|Record { s3, .. }| Created {
            bucket: s3.bucket.name,
            key: decode_key(&s3.object.key),
            etag: s3.object.etag,
            sequencer: s3.object.sequencer,
        })
        .collect())
}

/// Undoes the encoding of keys in events: `+` is a space, `%XX` is a byte.
fn decode_key(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', _, _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_other_events_passed_over() {
        let event = br#"{"Records":[
            {"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},
             "object":{"key":"films/interactions/my+file%2B%E3%81%8A.csv","size":1,"eTag":"e","sequencer":"01"}}},
            {"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},"object":{"key":"x.csv"}}}]}"#;
        let created = created_objects(event).unwrap();
        assert_eq!(created.len(), 1);
        assert_eq!(created[0].key, "films/interactions/my file+お.csv");
    }

    #[test]
    fn the_test_event_of_a_new_notification_is_no_upload() {
        let event = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert_eq!(created_objects(event).unwrap(), []);
        assert!(created_objects(b"[1, 2").is_err());
    }
}
