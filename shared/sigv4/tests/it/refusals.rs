//! Each way to be refused, by the names and texts of AWS.

use sigv4::{Denied, Expect, Keys};

use crate::rust_signer::signed;
use crate::support::{KEY_ID, NOW, PERSONALIZE, SECRET, Sent, keys};

fn request() -> Sent {
    let sent = Sent { method: "POST".into(), path: "/".into(), body: b"{}".to_vec(), ..Sent::default() };
    let sent = sent.with("Host", "personalize.us-east-1.amazonaws.com");
    signed(sent.with("X-Amz-Target", "AmazonPersonalize.ListRecipes"), true)
}

fn denied(sent: &Sent) -> (&'static str, String) {
    let denied = sent.verify(&keys(), PERSONALIZE, NOW).unwrap_err();
    (denied.exception(), denied.to_string())
}

/// The request with a part of its authorization replaced.
fn replaced(from: &str, to: &str) -> Sent {
    let mut sent = request();
    let authorization = sent.header("authorization");
    assert!(authorization.contains(from), "{from} is not in {authorization}");
    *authorization = authorization.replace(from, to);
    sent
}

const INVALID: &str = "InvalidSignatureException";
const INCOMPLETE: &str = "IncompleteSignatureException";

#[test]
fn without_authentication() {
    let expected = ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned());
    assert_eq!(denied(&request().without("authorization")), expected);
    assert_eq!(denied(&Sent::default()), expected);
}

#[test]
fn with_another_scheme_or_half_a_header() {
    for authorization in ["Bearer abc", "Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b"] {
        let mut sent = request();
        *sent.header("authorization") = authorization.into();
        assert_eq!(denied(&sent).0, INCOMPLETE, "{authorization}");
    }
}

#[test]
fn presigned() {
    let sent = Sent { query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00".into(), ..request() };
    let (exception, message) = denied(&sent);
    assert_eq!(exception, INCOMPLETE);
    assert!(message.contains("Presigned URLs are not supported"), "{message}");
}

#[test]
fn too_late_and_too_early() {
    let sent = request();
    for apart in [-300, 300] {
        sent.verify(&keys(), PERSONALIZE, NOW + apart).unwrap();
    }
    let late = sent.verify(&keys(), PERSONALIZE, NOW + 301).unwrap_err();
    assert_eq!(late.exception(), INVALID);
    assert_eq!(
        late.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    let early = sent.verify(&keys(), PERSONALIZE, NOW - 301).unwrap_err();
    assert_eq!(early.exception(), INVALID);
    assert_eq!(
        early.to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T123059Z + 5 min.)"
    );
    for now in [i64::MIN, 0, i64::MAX] {
        assert_eq!(sent.verify(&keys(), PERSONALIZE, now).unwrap_err().exception(), INVALID);
    }
}

#[test]
fn scoped_to_something_else() {
    let region = Expect { region: "eu-central-1", ..PERSONALIZE };
    let message = "Credential should be scoped to a valid region: 'eu-central-1', not 'us-east-1'.";
    let error = request().verify(&keys(), region, NOW).unwrap_err();
    assert_eq!((error.exception(), error.to_string().as_str()), (INVALID, message));

    let service = Expect { service: "s3", ..PERSONALIZE };
    let message = "Credential should be scoped to correct service: 's3', not 'personalize'.";
    let error = request().verify(&keys(), service, NOW).unwrap_err();
    assert_eq!((error.exception(), error.to_string().as_str()), (INVALID, message));

    let (exception, message) = denied(&replaced("aws4_request", "aws5_request"));
    assert_eq!(exception, INVALID);
    assert!(message.contains("'aws4_request', not 'aws5_request'"), "{message}");

    let (exception, message) = denied(&replaced("/20150830/", "/20150829/"));
    assert_eq!(exception, INVALID);
    assert!(message.ends_with("'20150829' != '20150830', from '20150830T123600Z'."), "{message}");
}

#[test]
fn by_a_key_that_nobody_has() {
    let expected =
        ("UnrecognizedClientException", "The security token included in the request is invalid.".to_owned());
    assert_eq!(denied(&replaced("AKIDEXAMPLE", "AKIDUNKNOWN")), expected);
    let nobody = Keys::parse("{}").unwrap();
    assert_eq!(request().verify(&nobody, PERSONALIZE, NOW), Err(Denied::UnknownKey));
    // Another form of the id is another id.
    assert_eq!(denied(&replaced("AKIDEXAMPLE", "akidexample")), expected);
}

#[test]
fn by_another_secret_without_telling_the_right_signature() {
    let keys = Keys::parse(&format!(r#"{{"{KEY_ID}": "not the secret"}}"#)).unwrap();
    let error = request().verify(&keys, PERSONALIZE, NOW).unwrap_err();
    assert_eq!(error, Denied::Mismatch);
    assert_eq!(error.exception(), INVALID);

    // Here the signature is wrong and the secret is right: the message must not mend it.
    let right = request().header("authorization").rsplit('=').next().unwrap().to_owned();
    let (_, message) = denied(&replaced(&right, &"0".repeat(64)));
    assert!(!message.contains(&right) && !message.contains(SECRET), "{message}");
    // Neither a part of the signature nor another case of it is the signature.
    for wrong in [&right[..63], &right.to_uppercase(), "x"] {
        assert_eq!(denied(&replaced(&right, wrong)).0, INVALID);
    }
}

#[test]
fn headers_that_must_be_signed() {
    for (header, name) in
        [("host;", "Host"), ("x-amz-date;", "x-amz-date"), (";x-amz-target", "X-Amz-Target")]
    {
        let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
        assert_eq!(denied(&replaced(header, "")), (INVALID, message));
    }
    let sent = request().with("X-AMZ-Security-Token", "added on the way");
    let message = "'X-AMZ-Security-Token' must be a 'SignedHeader' in the AWS Authorization.";
    assert_eq!(denied(&sent), (INVALID, message.to_owned()));
}

#[test]
fn a_signed_header_that_got_lost() {
    let message = "The signed header 'x-amz-target' is not in the request.".to_owned();
    assert_eq!(denied(&request().without("X-Amz-Target")), (INVALID, message));
    assert_eq!(denied(&request().without("Host")).0, INVALID);
}

#[test]
fn a_date_that_is_missing_malformed_or_repeated() {
    let (exception, message) = denied(&request().without("x-amz-date"));
    assert_eq!(exception, INCOMPLETE);
    assert!(message.contains("either a 'X-Amz-Date' or a 'Date' header"), "{message}");

    let mut sent = request();
    *sent.header("x-amz-date") = "2015-08-30T12:36:00Z".into();
    let message = "Date must be in ISO-8601 'basic format'. Got '2015-08-30T12:36:00Z'.".to_owned();
    assert_eq!(denied(&sent), (INCOMPLETE, message));

    let sent = request().without("x-amz-date").with("Date", "yesterday");
    assert_eq!(denied(&sent).0, INCOMPLETE);

    for name in ["X-Amz-Date", "Authorization", "x-amz-content-sha256"] {
        let mut sent = request();
        let value = sent.header(name).clone();
        let (exception, message) = denied(&sent.with(name, &value));
        assert_eq!(exception, INCOMPLETE);
        assert!(message.contains("more than once"), "{message}");
    }
}

#[test]
fn payloads_that_the_signature_does_not_cover() {
    for payload in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""] {
        let sent = request().without("x-amz-content-sha256").with("X-Amz-Content-Sha256", payload);
        let (exception, message) = denied(&sent);
        assert_eq!(exception, INVALID);
        assert!(message.starts_with("The payload must be signed"), "{message}");
    }
    let sent = Sent { body: b"{\"nextToken\": \"x\"}".to_vec(), ..request() };
    let error = sent.verify(&keys(), PERSONALIZE, NOW).unwrap_err();
    assert_eq!((error.exception(), &error), (INVALID, &Denied::PayloadMismatch));
}
