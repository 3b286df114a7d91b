//! The edge to API Gateway: its event in, a reply out.
//!
//! Shapes: API Gateway developer guide, "AWS Lambda integrations for HTTP APIs", payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine;
use serde::{Deserialize, Serialize};
use wire::HttpReply;

/// A request as API Gateway hands it on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The path as it was sent.
    pub raw_path: String,
    /// The query as it was sent, without the question mark.
    #[serde(default)]
    pub raw_query_string: String,
    /// Names in lower case; the values of a repeated header are joined with commas.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Clone, Debug, Deserialize)]
struct Http {
    method: String,
}

/// The body is said to be Base64 and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body of the event is not Base64")]
pub struct BodyError;

impl Request {
    /// `GET`, `POST`, …
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        // Stand-ins for API Gateway keep the spelling of the client.
        let exact = self.headers.get(name);
        let value =
            exact.or_else(|| self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        value.map(String::as_str)
    }

    /// The body's bytes.
    pub fn body(&self) -> Result<Vec<u8>, BodyError> {
        match &self.body {
            None => Ok(Vec::new()),
            Some(text) if self.is_base64_encoded => {
                base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| BodyError)
            }
            Some(text) => Ok(text.clone().into_bytes()),
        }
    }
}

/// A reply as API Gateway wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// HTTP status code.
    pub status_code: u16,
    /// Headers.
    pub headers: BTreeMap<&'static str, String>,
    /// Text: every answer of the service is JSON.
    pub body: String,
    /// Never.
    pub is_base64_encoded: bool,
}

impl From<HttpReply> for Response {
    fn from(reply: HttpReply) -> Self {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        };
        Self {
            status_code: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: text(reply.body),
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(body: &str, encoded: bool) -> Request {
        serde_json::from_value(json!({
            "version": "2.0", "routeKey": "POST /", "rawPath": "/", "rawQueryString": "",
            "headers": { "x-amz-target": "AmazonPersonalize.ListSchemas" },
            "requestContext": { "http": { "method": "POST", "path": "/" }, "requestId": "r" },
            "body": body, "isBase64Encoded": encoded,
        }))
        .unwrap()
    }

    #[test]
    fn bodies_come_plain_and_as_base64() {
        assert_eq!(request("{}", false).body().unwrap(), b"{}");
        assert_eq!(request("e30=", true).body().unwrap(), b"{}");
        assert_eq!(request("*", true).body(), Err(BodyError));
        assert_eq!(request("", false).header("x-amz-target"), Some("AmazonPersonalize.ListSchemas"));
        assert_eq!(request("", false).method(), "POST");
    }

    #[test]
    fn a_reply_keeps_status_headers_and_body() {
        let reply = HttpReply {
            status: 404,
            headers: vec![("Content-Type", "application/json".into())],
            body: "{\"お\":1}".into(),
        };
        let response = serde_json::to_value(Response::from(reply)).unwrap();
        assert_eq!(response["statusCode"], 404);
        assert_eq!(response["headers"]["Content-Type"], "application/json");
        assert_eq!(response["body"], "{\"お\":1}");
    }
}
