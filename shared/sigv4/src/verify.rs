//! The decision.

use subtle::ConstantTimeEq;

use crate::authorization::Authorization;
use crate::canonical::{canonical_request, is_presigned};
use crate::request::Request;
use crate::signing::{sha256_hex, signature};
use crate::{Denied, Keys, Timestamp};

/// How far the clocks of the two sides may be apart, either way.
pub const SKEW_SECONDS: i64 = 5 * 60;

/// What the scope of a credential must name.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The region that answers, such as `us-east-1`.
    pub region: &'a str,
    /// The service that answers: `personalize`, for all of the Personalize APIs.
    pub service: &'a str,
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The access key id, one of the given keys.
    pub access_key_id: String,
}

/// Tells who signed a request, at `now` in seconds since 1970.
///
/// A request is accepted when its `Authorization` header holds the signature that a known key gives to
/// exactly this method, path, query, body and these headers, for this region and service, at most
/// [`SKEW_SECONDS`] ago or ahead. `host` and all `x-amz-*` headers that are present must be among the
/// signed ones, since they decide what is asked and of whom.
///
/// An unknown key is told from a wrong secret by the answer, as AWS does, since ids are no secrets; the
/// time that the answer takes adds nothing to that.
pub fn verify(request: &Request<'_>, keys: &Keys, expect: Expect<'_>, now: i64) -> Result<Identity, Denied> {
    if is_presigned(request.query) {
        return Err(Denied::Presigned);
    }
    let header = request.value("Authorization")?.ok_or(Denied::MissingAuthentication)?;
    let authorization = Authorization::parse(header)?;
    let signed = date(request)?;
    check_scope(&authorization, expect, signed)?;
    check_clock(signed, Timestamp::from_epoch_seconds(now))?;
    check_signed_headers(request, &authorization)?;
    let body_hash = body_hash(request)?;
    let canonical = canonical_request(request, &authorization.signed_headers, &body_hash)?;

    // An unknown id costs the same arithmetic, under a secret that decides nothing.
    let secret = keys.secret(authorization.access_key_id);
    let right = signature(secret.unwrap_or(NOBODY), &authorization, signed, &canonical);
    let equal = bool::from(right.as_bytes().ct_eq(authorization.signature.as_bytes()));
    match (secret, equal) {
        (None, _) => Err(Denied::UnknownKey),
        (Some(_), false) => Err(Denied::Mismatch),
        (Some(_), true) => Ok(Identity { access_key_id: authorization.access_key_id.to_owned() }),
    }
}

/// As long as the secrets that AWS gives out.
const NOBODY: &str = "0000000000000000000000000000000000000000";

/// When the request says that it was signed: `X-Amz-Date`, or `Date` where that is absent.
fn date(request: &Request<'_>) -> Result<Timestamp, Denied> {
    if let Some(text) = request.value("X-Amz-Date")? {
        return Timestamp::from_iso_basic(text).ok_or_else(|| {
            Denied::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{text}'."))
        });
    }
    let Some(text) = request.value("Date")? else {
        let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        return Err(Denied::Incomplete(message.into()));
    };
    Timestamp::from_http_date(text).or_else(|| Timestamp::from_iso_basic(text)).ok_or_else(|| {
        let example = "'Sun, 30 Aug 2015 12:36:00 GMT' or '20150830T123600Z'";
        Denied::Incomplete(format!("The header 'Date' must be like {example}. Got '{text}'."))
    })
}

fn check_scope(
    authorization: &Authorization<'_>,
    expect: Expect<'_>,
    signed: Timestamp,
) -> Result<(), Denied> {
    let Authorization { day, region, service, terminator, .. } = *authorization;
    if terminator != "aws4_request" {
        return Err(Denied::Terminator { found: terminator.to_owned() });
    }
    if service != expect.service {
        return Err(Denied::Service { expected: expect.service.to_owned(), found: service.to_owned() });
    }
    if region != expect.region {
        return Err(Denied::Region { expected: expect.region.to_owned(), found: region.to_owned() });
    }
    if day != signed.day() {
        return Err(Denied::ScopeDate { found: day.to_owned(), signed });
    }
    Ok(())
}

fn check_clock(signed: Timestamp, now: Timestamp) -> Result<(), Denied> {
    if signed < now.plus(-SKEW_SECONDS) {
        return Err(Denied::Expired { signed, now });
    }
    if signed > now.plus(SKEW_SECONDS) {
        return Err(Denied::NotYetCurrent { signed, now });
    }
    Ok(())
}

fn check_signed_headers(request: &Request<'_>, authorization: &Authorization<'_>) -> Result<(), Denied> {
    if !authorization.signs("host") {
        return Err(Denied::Unsigned("Host".into()));
    }
    let ours = |name: &str| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    match request.headers.iter().find(|(name, _)| ours(name) && !authorization.signs(name)) {
        Some((name, _)) => Err(Denied::Unsigned((*name).to_owned())),
        None => Ok(()),
    }
}

/// The hash of the body that arrived, which is also the one that the request announces if it does.
fn body_hash(request: &Request<'_>) -> Result<String, Denied> {
    let hash = sha256_hex(request.body);
    match request.value("X-Amz-Content-Sha256")? {
        None => Ok(hash),
        Some(announced) if announced == hash => Ok(hash),
        Some(announced) if announced.len() == hash.len() => Err(Denied::PayloadMismatch),
        Some(announced) => Err(Denied::UnsignedPayload(announced.to_owned())),
    }
}
