//! Requests that own their parts, so that tests can change them.

use serde_json::Value;
use sigv4::{Denied, Expect, Identity, Keys, Request, verify};

/// Example credentials of the AWS documentation.
pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// 2015-08-30, 12:36:00.
pub const NOW: i64 = 1_440_938_160;

pub const PERSONALIZE: Expect<'static> = Expect { region: "us-east-1", service: "personalize" };

#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    /// An object of a fixture.
    pub fn from_json(json: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let headers = json["headers"].as_array().expect("headers");
        Self {
            method: text(&json["method"]),
            path: text(&json["path"]),
            query: text(&json["query"]),
            headers: headers.iter().map(|header| (text(&header[0]), text(&header[1]))).collect(),
            body: text(&json["body"]).into_bytes(),
        }
    }

    pub fn verify(&self, keys: &Keys, expect: Expect<'_>, now: i64) -> Result<Identity, Denied> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        };
        verify(&request, keys, expect, now)
    }

    pub fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name));
        &mut found.unwrap_or_else(|| panic!("no header {name}")).1
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

pub fn keys() -> Keys {
    Keys::parse(&format!(r#"{{"OTHER": "other", "{KEY_ID}": "{SECRET}"}}"#)).expect("valid keys")
}
