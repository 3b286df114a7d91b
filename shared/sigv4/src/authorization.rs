//! The header `Authorization`.

use crate::Denied;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `AWS4-HMAC-SHA256 Credential=<id>/<day>/<region>/<service>/aws4_request, SignedHeaders=<a;b>,
/// Signature=<hex>`, taken apart and not yet believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) day: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) terminator: &'a str,
    /// In lower case, sorted, each once: what is signed is this text, so it has one form only.
    pub(crate) signed_headers: Vec<&'a str>,
    pub(crate) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header's value. Refusals do not repeat it: it may be another scheme's password.
    pub(crate) fn parse(header: &'a str) -> Result<Self, Denied> {
        let parameters = match header.split_once(' ') {
            Some((ALGORITHM, parameters)) => parameters,
            _ => return incomplete(format!("Authorization header requires the algorithm '{ALGORITHM}'.")),
        };
        let mut slots = [("Credential", None), ("SignedHeaders", None), ("Signature", None)];
        for parameter in parameters.split(',') {
            let slot = parameter.trim_ascii().split_once('=').and_then(|(name, value)| {
                let (_, slot) = slots.iter_mut().find(|(known, _)| *known == name)?;
                slot.replace(value).is_none().then_some(())
            });
            if slot.is_none() {
                return incomplete(
                    "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature', each once, \
                     as name=value, separated by commas.",
                );
            }
        }
        let [credential, signed_headers, signature] = slots.map(|(name, value)| match value {
            Some("") | None => incomplete(format!("Authorization header requires '{name}' parameter.")),
            Some(value) => Ok(value),
        });
        let credential: Vec<&str> = credential?.split('/').collect();
        let &[access_key_id, day, region, service, terminator] = credential.as_slice() else {
            return incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/aws4_request.",
            );
        };
        let signed_headers: Vec<&str> = signed_headers?.split(';').collect();
        let lower = signed_headers.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()));
        if !lower || !signed_headers.is_sorted_by(|left, right| left < right) {
            return incomplete("SignedHeaders must be in lower case, sorted, and name each header once.");
        }
        Ok(Self { access_key_id, day, region, service, terminator, signed_headers, signature: signature? })
    }

    /// Whether a header, in any case, is among the signed ones.
    pub(crate) fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed.eq_ignore_ascii_case(name))
    }
}

fn incomplete<T>(message: impl Into<String>) -> Result<T, Denied> {
    Err(Denied::Incomplete(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIAL: &str = "Credential=AKID/20150830/us-east-1/personalize/aws4_request";

    #[test]
    fn parameters_come_in_any_order_with_or_without_blanks() {
        let expected = Authorization {
            access_key_id: "AKID",
            day: "20150830",
            region: "us-east-1",
            service: "personalize",
            terminator: "aws4_request",
            signed_headers: vec!["host", "x-amz-date"],
            signature: "0a1b",
        };
        for text in [
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature=0a1b"),
            format!("AWS4-HMAC-SHA256 Signature=0a1b,SignedHeaders=host;x-amz-date,{CREDENTIAL}"),
            format!("AWS4-HMAC-SHA256   {CREDENTIAL}  ,  SignedHeaders=host;x-amz-date,  Signature=0a1b "),
        ] {
            assert_eq!(Authorization::parse(&text).as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_the_header_is_not_repeated() {
        for (text, part) in [
            (String::new(), "algorithm"),
            ("hunter2".into(), "algorithm"),
            ("Bearer hunter2".into(), "algorithm"),
            (format!("AWS4-ECDSA-P256-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=00"), "algorithm"),
            (format!("aws4-hmac-sha256 {CREDENTIAL}, SignedHeaders=host, Signature=00"), "algorithm"),
            ("AWS4-HMAC-SHA256 hunter2".into(), "name=value"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=00,"), "name=value"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {CREDENTIAL}, Signature=hunter2"), "each once"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, Other=1, Signature=hunter2"), "each once"),
            ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00".into(), "'Credential'"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, Signature=00"), "'SignedHeaders'"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=, Signature=00"), "'SignedHeaders'"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host"), "'Signature'"),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=00".into(), "exactly 5"),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=00".into(), "exactly 5"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=Host, Signature=00"), "lower case"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=x;host, Signature=00"), "sorted"),
            (format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host;host, Signature=00"), "once"),
        ] {
            let denied = Authorization::parse(&text).unwrap_err();
            assert_eq!(denied.exception(), "IncompleteSignatureException");
            let message = denied.to_string();
            assert!(message.contains(part) && !message.contains("hunter2"), "{text}: {message}");
        }
    }
}
