//! A request as it was received.

use crate::Denied;

/// The parts of a request that a signature covers, untouched: nothing decoded, folded or sorted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, in capitals as on the wire.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What follows the question mark, still percent-encoded; empty where there is none.
    pub query: &'a str,
    /// Names in any case, in the order of arrival; a name may occur more than once. Where HTTP/2 says
    /// `:authority`, the caller says `host`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, without any transfer encoding.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The values of a header, in the order of arrival.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// The value of a header that may occur once: which of two would count is not for us to guess.
    pub(crate) fn value(&self, name: &'static str) -> Result<Option<&'a str>, Denied> {
        let mut values = self.values(name);
        let first = values.next();
        match values.next() {
            None => Ok(first.map(str::trim_ascii)),
            Some(_) => Err(Denied::Incomplete(format!("The header '{name}' occurs more than once."))),
        }
    }
}
