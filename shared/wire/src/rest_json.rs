//! The envelope of the runtime and of the events API: REST JSON, one path for each operation.

use domain::{ApiError, ErrorKind};
use serde_json::json;

use crate::reply::HttpReply;

const CONTENT_TYPE: &str = "application/json";

/// 200 with a body that is JSON already.
pub fn ok(body: Vec<u8>) -> HttpReply {
    HttpReply::new(200, CONTENT_TYPE, body)
}

/// 200 without a body, for operations that have no output.
pub fn done() -> HttpReply {
    HttpReply::new(200, CONTENT_TYPE, Vec::new())
}

/// An exception: the type in a header, the message in the body.
pub fn error(error: &ApiError) -> HttpReply {
    let status = match error.kind {
        ErrorKind::ResourceNotFound | ErrorKind::UnknownOperation => 404,
        ErrorKind::ResourceInUse => 409,
        ErrorKind::Internal => 500,
        _ => 400,
    };
    let body = json!({ "message": error.message }).to_string();
    let mut reply = HttpReply::new(status, CONTENT_TYPE, body.into_bytes());
    reply.headers.push(("x-amzn-ErrorType", error.kind.exception().to_owned()));
    reply
}

/// Declares the operations of a function: the API's name, the path of its `POST`, and the handler of a body.
/// The list `OPERATIONS` and the routing, `run`, derive from it.
#[macro_export]
macro_rules! rest_operations {
    ($app:ty => $output:ty: $($operation:ident at $path:literal => $handler:path,)*) => {
        /// The operations that this crate answers, by their API names, each with the path of its `POST`.
        pub const OPERATIONS: &[(&str, &str)] = &[$((stringify!($operation), $path)),*];

        /// Runs the operation of a path.
        async fn run(app: &$app, path: &str, body: &[u8]) -> Result<$output, domain::ApiError> {
            match path {
                $($path => $handler(app, body).await,)*
                other => Err($crate::rest_json::unknown(other)),
            }
        }
    };
}

/// What a path that no operation has is answered with.
pub fn unknown(path: &str) -> ApiError {
    ApiError::new(ErrorKind::UnknownOperation, format!("No operation answers to POST {path}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_model() {
        for (kind, status) in [
            (ErrorKind::InvalidInput, 400),
            (ErrorKind::ResourceNotFound, 404),
            (ErrorKind::UnknownOperation, 404),
            (ErrorKind::ResourceInUse, 409),
            (ErrorKind::Internal, 500),
        ] {
            let reply = error(&ApiError::new(kind, "why"));
            assert_eq!(reply.status, status);
            assert_eq!(reply.header("x-amzn-ErrorType"), Some(kind.exception()));
            assert_eq!(reply.body, br#"{"message":"why"}"#);
        }
    }
}
