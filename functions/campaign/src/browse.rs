//! Readable addresses for browsers and curl:
//! `GET /campaigns/<name>/recommendations/<userId>?numResults=10`, and `…/related/<itemId>` for
//! campaigns of related items. The answer is that of `GetRecommendations`.

use domain::{ApiError, ErrorKind, ResourceKind, Scope};
use percent_encoding::percent_decode_str;
use wire::{HttpReply, rest_json};

use crate::Campaign;

/// Answers one `GET` request; `query` comes without its question mark.
pub async fn handle_get(campaign: &Campaign, scope: &Scope, path: &str, query: &str) -> HttpReply {
    match request(scope, path, query) {
        Ok(body) => crate::handle(campaign, "/recommendations", &body).await,
        Err(error) => rest_json::error(&error),
    }
}

/// The request that an address stands for.
fn request(scope: &Scope, path: &str, query: &str) -> Result<Vec<u8>, ApiError> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let ["campaigns", name, what @ ("recommendations" | "related"), id] = segments.as_slice() else {
        let message = format!(
            "No operation answers to GET {path}; try /campaigns/<name>/recommendations/<userId>?numResults=10."
        );
        return Err(ApiError::new(ErrorKind::UnknownOperation, message));
    };
    let member = if *what == "related" { "itemId" } else { "userId" };
    let mut body = serde_json::Map::new();
    let campaign = scope.arn(ResourceKind::Campaign, &decoded(name)?);
    body.insert("campaignArn".to_owned(), campaign.as_str().into());
    body.insert(member.to_owned(), decoded(id)?.into());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "explain" => {
                let flag: bool = value
                    .parse()
                    .map_err(|_| ApiError::invalid(format!("explain is '{value}'; give true or false.")))?;
                body.insert(name.to_owned(), flag.into());
            }
            "numResults" => {
                let number: u32 = value.parse().map_err(|_| {
                    ApiError::invalid(format!("numResults is '{value}'; give a whole number from 1 to 500."))
                })?;
                body.insert(name.to_owned(), number.into());
            }
            other => {
                return Err(ApiError::invalid(format!(
                    "The parameter '{other}' is unknown; numResults and explain are known."
                )));
            }
        }
    }
    Ok(serde_json::Value::Object(body).to_string().into_bytes())
}

fn decoded(segment: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| ApiError::invalid(format!("'{segment}' is not percent-encoded UTF-8.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(path: &str, query: &str) -> Result<Value, ErrorKind> {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        request(&scope, path, query).map(|body| serde_json::from_slice(&body).unwrap()).map_err(|e| e.kind)
    }

    #[test]
    fn an_address_is_a_request() {
        let arn = "arn:aws:personalize:us-east-1:000000000000:campaign/films";
        assert_eq!(
            parsed("/campaigns/films/recommendations/a%20%2F%E3%81%8A", "numResults=3&explain=true"),
            Ok(json!({ "campaignArn": arn, "userId": "a /お", "numResults": 3, "explain": true }))
        );
        assert_eq!(
            parsed("/campaigns/films/related/1", ""),
            Ok(json!({ "campaignArn": arn, "itemId": "1" }))
        );
    }

    #[test]
    fn other_addresses_are_refused() {
        for (path, query, kind) in [
            ("/campaigns/films", "", ErrorKind::UnknownOperation),
            ("/campaigns/films/recommendations/1/2", "", ErrorKind::UnknownOperation),
            ("/campaigns/films/recommendations/%ff", "", ErrorKind::InvalidInput),
            ("/campaigns/films/recommendations/1", "numResults=x", ErrorKind::InvalidInput),
            ("/campaigns/films/recommendations/1", "explain=1", ErrorKind::InvalidInput),
            ("/campaigns/films/recommendations/1", "k=3", ErrorKind::InvalidInput),
        ] {
            assert_eq!(parsed(path, query), Err(kind), "{path}?{query}");
        }
    }
}
