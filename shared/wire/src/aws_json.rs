//! The envelope of the control plane: AWS JSON 1.1, `POST /` with a target header.

use domain::{ApiError, ErrorKind};
use serde_json::{Value, json};

use crate::reply::HttpReply;

/// What `X-Amz-Target` begins with.
pub const TARGET_PREFIX: &str = "AmazonPersonalize.";

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The operation that a target header names.
///
/// Fails with `UnknownOperation` when the header is missing or names another service.
pub fn operation(target: Option<&str>) -> Result<&str, ApiError> {
    let expected = "expected X-Amz-Target: AmazonPersonalize.<Operation> on POST /";
    let target = target.ok_or_else(|| {
        ApiError::new(ErrorKind::UnknownOperation, format!("The header X-Amz-Target is missing; {expected}."))
    })?;
    target.strip_prefix(TARGET_PREFIX).filter(|name| !name.is_empty()).ok_or_else(|| {
        let message = format!("'{target}' is not an operation of Amazon Personalize; {expected}.");
        ApiError::new(ErrorKind::UnknownOperation, message)
    })
}

/// 200 with a JSON body, or without any for an operation that has no output.
pub fn ok(output: Option<Value>) -> HttpReply {
    HttpReply::new(200, CONTENT_TYPE, output.map(|value| value.to_string().into_bytes()).unwrap_or_default())
}

/// An exception: 400, or 500 where the fault is ours.
pub fn error(error: &ApiError) -> HttpReply {
    let status = if error.kind == ErrorKind::Internal { 500 } else { 400 };
    let exception = error.kind.exception();
    let body = json!({ "__type": exception, "message": error.message }).to_string();
    let mut reply = HttpReply::new(status, CONTENT_TYPE, body.into_bytes());
    reply.headers.push(("x-amzn-ErrorType", exception.to_owned()));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_operation() {
        assert_eq!(operation(Some("AmazonPersonalize.ListRecipes")).unwrap(), "ListRecipes");
        for target in [None, Some(""), Some("ListRecipes"), Some("AmazonPersonalize."), Some("S3.PutObject")]
        {
            assert_eq!(operation(target).unwrap_err().kind, ErrorKind::UnknownOperation, "{target:?}");
        }
    }

    #[test]
    fn an_exception_carries_its_type_and_message() {
        let reply = error(&ApiError::invalid("no"));
        assert_eq!(reply.status, 400);
        assert_eq!(reply.header("Content-Type"), Some("application/x-amz-json-1.1"));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body, json!({ "__type": "InvalidInputException", "message": "no" }));
    }

    #[test]
    fn our_own_failure_is_a_500_without_the_cause() {
        let reply = error(&ApiError::internal("secret table name"));
        assert_eq!(reply.status, 500);
        assert!(!String::from_utf8(reply.body).unwrap().contains("secret"));
    }

    #[test]
    fn an_operation_without_output_has_an_empty_body_and_a_request_id() {
        let reply = ok(None);
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("x-amzn-RequestId").unwrap().len(), 36);
    }
}
