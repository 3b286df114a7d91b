//! Who may call: requests signed with one of the stack's access keys.
//!
//! Personalize clients sign for the service `personalize`, which no authorizer of API Gateway
//! accepts, so the functions check signatures themselves. The keys lie in Secrets Manager as
//! `{"<access key id>": "<secret>"}` and are read again every few minutes, so that a key is added or
//! taken away without a deployment. A stack whose API asks for IAM signatures has no gate here.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use wire::HttpReply;

use crate::clients::Aws;
use crate::config::{ConfigError, Stack, required};
use crate::http::Request;
use crate::signed::{Call, CallError, Service};

const SECRETS_MANAGER: Service = Service { name: "secretsmanager", variable: "SECRETS_MANAGER" };

/// How long keys are believed. A key that was taken away is refused within this time.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// The door of a function.
pub enum Gate {
    /// API Gateway has let in only whom it may.
    Open,
    /// Signatures are checked here.
    Keys(Box<KeyGate>),
}

/// Checks signatures against keys from Secrets Manager.
pub struct KeyGate {
    aws: Aws,
    secret: String,
    region: String,
    keys: Mutex<Option<(Instant, Arc<sigv4::Keys>)>>,
}

/// Why the keys are not known.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("cannot read the secret {secret}")]
    Read {
        secret: String,
        #[source]
        cause: CallError,
    },
    #[error("the secret {secret} is no text")]
    Binary { secret: String },
    #[error("the secret {secret} is not a list of access keys")]
    Parse {
        secret: String,
        #[source]
        cause: sigv4::KeysError,
    },
}

impl Gate {
    /// Reads `AUTH_MODE` (`keys` or `iam`) and, for keys, `ACCESS_KEYS_SECRET`.
    pub fn from_env(aws: &Aws, stack: &Stack) -> Result<Self, ConfigError> {
        match required("AUTH_MODE")?.as_str() {
            "iam" => Ok(Self::Open),
            "keys" => Ok(Self::Keys(Box::new(KeyGate {
                aws: aws.clone(),
                secret: required("ACCESS_KEYS_SECRET")?,
                region: stack.scope.region.clone(),
                keys: Mutex::new(None),
            }))),
            other => {
                Err(ConfigError::Invalid { name: "AUTH_MODE", value: other.into(), must: "keys or iam" })
            }
        }
    }

    /// Lets a request pass, or says what its sender gets instead.
    pub async fn check(&self, request: &Request, body: &[u8]) -> Result<(), HttpReply> {
        match self {
            Self::Open => Ok(()),
            Self::Keys(keys) => keys.check(request, body).await,
        }
    }
}

impl KeyGate {
    async fn check(&self, request: &Request, body: &[u8]) -> Result<(), HttpReply> {
        let keys = self.keys().await.map_err(|error| {
            tracing::error!(cause = domain::error::chain(&error), "access keys cannot be read");
            exception(500, "InternalFailure", "The service failed to check the request; its log says why.")
        })?;
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let signed = sigv4::Request {
            method: request.method(),
            path: &request.raw_path,
            query: &request.raw_query_string,
            headers: &headers,
            body,
        };
        let expect = sigv4::Expect { region: &self.region, service: "personalize" };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        match sigv4::verify(&signed, &keys, expect, now) {
            Ok(_) => Ok(()),
            Err(denied) => Err(exception(403, denied.exception(), &denied.to_string())),
        }
    }

    /// The keys as they were read lately. While Secrets Manager cannot be reached, the last ones count.
    async fn keys(&self) -> Result<Arc<sigv4::Keys>, KeysError> {
        let mut kept = self.keys.lock().await;
        if let Some((read, keys)) = &*kept
            && read.elapsed() < FRESH_FOR
        {
            return Ok(keys.clone());
        }
        match (self.read().await, &*kept) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                *kept = Some((Instant::now(), keys.clone()));
                Ok(keys)
            }
            (Err(error), Some((_, keys))) => {
                tracing::warn!(cause = domain::error::chain(&error), "access keys cannot be read again");
                Ok(keys.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self) -> Result<sigv4::Keys, KeysError> {
        let secret = || self.secret.clone();
        let call = Call {
            service: SECRETS_MANAGER,
            path: "/",
            headers: &[
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "secretsmanager.GetSecretValue"),
            ],
            body: json!({ "SecretId": self.secret }).to_string(),
        };
        let got = self.aws.caller().call(&call).await;
        let got = got.map_err(|cause| KeysError::Read { secret: secret(), cause })?;
        let value: Value = serde_json::from_slice(&got.body).unwrap_or_default();
        let text = value["SecretString"].as_str().ok_or_else(|| KeysError::Binary { secret: secret() })?;
        sigv4::Keys::parse(text).map_err(|cause| KeysError::Parse { secret: secret(), cause })
    }
}

/// An exception that clients of both protocols understand: its name is in a header and in the body.
fn exception(status: u16, name: &str, message: &str) -> HttpReply {
    HttpReply {
        status,
        headers: vec![
            ("Content-Type", "application/x-amz-json-1.1".to_owned()),
            ("x-amzn-ErrorType", name.to_owned()),
        ],
        body: json!({ "__type": name, "message": message }).to_string().into_bytes(),
    }
}
