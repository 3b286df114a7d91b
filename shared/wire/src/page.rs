//! Pages of a list: how many, from where, and the opaque token for the next one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::limits::LIST_RESULTS_MAX;
use domain::{ApiError, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::members::Members;

/// Longest token that the API accepts (botocore `NextToken`).
const TOKEN_CHARS_MAX: usize = 1_500;

/// Which page of which list a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many elements.
    pub limit: usize,
    /// Where the page begins, in the store's own terms; the first page has none.
    pub cursor: Option<String>,
    list: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    list: String,
    cursor: String,
}

impl PageRequest {
    /// Reads `maxResults` and `nextToken`. `list` says which list this is, with its filter: a token
    /// of another list is not accepted.
    ///
    /// Fails with `InvalidInput` for a `maxResults` out of range and with `InvalidNextToken` for a
    /// token that this list did not give.
    pub fn read(members: &Members<'_>, list: String) -> Result<Self, ApiError> {
        let limit = members.optional("maxResults", |m| m.integer(1, LIST_RESULTS_MAX as i64))?;
        let token = members.optional("nextToken", |m| m.text())?;
        let cursor = token.map(|token| decode(token, &list)).transpose()?;
        Ok(Self { limit: limit.map_or(LIST_RESULTS_MAX, |n| n as usize), cursor, list })
    }

    /// The token for the page that begins at `cursor`.
    pub fn token(&self, cursor: String) -> String {
        let token = serde_json::json!({ "list": self.list, "cursor": cursor });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }
}

fn decode(text: &str, list: &str) -> Result<String, ApiError> {
    let refuse = |why: &str| {
        ApiError::new(
            ErrorKind::InvalidNextToken,
            format!(
                "The given nextToken {why}; give back a token exactly as the same list returned it, or none."
            ),
        )
    };
    if text.len() > TOKEN_CHARS_MAX {
        return Err(refuse("is too long"));
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse("cannot be decoded"))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| refuse("cannot be decoded"))?;
    if token.list != list {
        return Err(refuse("belongs to another list"));
    }
    Ok(token.cursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::members::Document;

    fn read(body: serde_json::Value, list: &str) -> Result<PageRequest, ApiError> {
        let document = Document::parse(body.to_string().as_bytes()).unwrap();
        PageRequest::read(&document.members(), list.to_owned())
    }

    #[test]
    fn a_token_leads_to_the_next_page_of_its_own_list_only() {
        let first = read(serde_json::json!({ "maxResults": 1 }), "ListSchemas").unwrap();
        assert_eq!((first.limit, first.cursor.clone()), (1, None));
        let token = first.token("row 7".into());
        let next = read(serde_json::json!({ "nextToken": token }), "ListSchemas").unwrap();
        assert_eq!((next.limit, next.cursor.as_deref()), (100, Some("row 7")));
        let error = read(serde_json::json!({ "nextToken": token }), "ListSolutions").unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidNextToken);
    }

    #[test]
    fn max_results_has_bounds() {
        for (n, ok) in [(1, true), (100, true), (0, false), (101, false), (-1, false)] {
            assert_eq!(read(serde_json::json!({ "maxResults": n }), "l").is_ok(), ok, "{n}");
        }
    }

    proptest! {
        #[test]
        fn a_token_that_nobody_gave_is_refused(text in "\\PC{0,40}") {
            let error = read(serde_json::json!({ "nextToken": text }), "l").unwrap_err();
            prop_assert_eq!(error.kind, ErrorKind::InvalidNextToken);
        }

        #[test]
        fn every_cursor_survives_the_round_trip(cursor in "\\PC{0,200}") {
            let page = read(serde_json::json!({}), "l").unwrap();
            let again = read(serde_json::json!({ "nextToken": page.token(cursor.clone()) }), "l");
            if page.token(cursor.clone()).len() <= TOKEN_CHARS_MAX {
                prop_assert_eq!(again.unwrap().cursor, Some(cursor));
            }
        }
    }
}
