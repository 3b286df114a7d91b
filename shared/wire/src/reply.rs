//! What a handler answers, before any HTTP server or Lambda runtime turns it into bytes on a wire.

/// A whole HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status code.
    pub status: u16,
    /// Header names in the spelling of the hosted service, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; its length is the content length.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// A reply with the two headers that every answer of the service carries.
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let request_id = uuid::Uuid::new_v4().to_string();
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned()), ("x-amzn-RequestId", request_id)],
            body,
        }
    }

    /// The value of a header, by its exact name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }
}
