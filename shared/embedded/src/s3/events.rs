//! "Object created" events, in the JSON that S3 sends to its notification targets.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which call created an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreatedBy {
    /// PutObject.
    Put,
    /// CopyObject.
    Copy,
    /// CompleteMultipartUpload.
    CompleteMultipartUpload,
}

/// An object that has just appeared, complete and readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The call that created it.
    pub by: CreatedBy,
    /// Its bucket.
    pub bucket: String,
    /// Its key, as it is.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag without quotes.
    pub etag: String,
    /// When it was written.
    pub time: SystemTime,
    /// Rises with every event of one bucket; orders the events of one key.
    pub sequencer: u64,
}

impl ObjectCreated {
    /// The event as S3 sends it (S3 user guide, "Event message structure", version 2.1): one entry
    /// in `Records`, the key URL-encoded with `+` for spaces.
    pub fn to_json(&self) -> Value {
        let name = match self.by {
            CreatedBy::Put => "ObjectCreated:Put",
            CreatedBy::Copy => "ObjectCreated:Copy",
            CreatedBy::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        };
        let id = format!("{:016X}", self.sequencer);
        json!({"Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": super::REGION,
            "eventTime": iso_8601(self.time),
            "eventName": name,
            "userIdentity": {"principalId": "EMBEDDED"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": id, "x-amz-id-2": id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "embedded",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": {"principalId": "EMBEDDED"},
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": {
                    "key": url_encode(&self.key, "+"),
                    "size": self.size,
                    "eTag": self.etag,
                    "sequencer": id,
                },
            },
        }]})
    }
}

/// Encodes a key for a URL, but for its slashes. Events write a space as `+`, lists as `%20`.
pub(super) fn url_encode(key: &str, space: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(byte.into());
            }
            _ => write!(encoded, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    encoded
}

/// `2026-11-24T03:46:46.123Z`.
fn iso_8601(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days as i64);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of a day number since 1970 (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_event_reads_like_one_of_s3() {
        let event = ObjectCreated {
            by: CreatedBy::Put,
            bucket: "films".into(),
            key: "in/ratings data+ü.csv".into(),
            size: 12,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            time: UNIX_EPOCH + Duration::from_millis(1_709_210_096_123),
            sequencer: 255,
        };
        let json = event.to_json();
        let record = &json["Records"][0];
        assert_eq!(record["eventName"], "ObjectCreated:Put");
        assert_eq!(record["eventTime"], "2024-02-29T12:34:56.123Z");
        assert_eq!(record["s3"]["bucket"]["name"], "films");
        assert_eq!(record["s3"]["object"]["key"], "in/ratings+data%2B%C3%BC.csv");
        assert_eq!(record["s3"]["object"]["size"], 12);
        assert_eq!(record["s3"]["object"]["eTag"], "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(record["s3"]["object"]["sequencer"], "00000000000000FF");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases =
            [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_781, (2026, 11, 24))];
        for (days, date) in cases {
            assert_eq!(civil(days), date);
        }
    }
}
