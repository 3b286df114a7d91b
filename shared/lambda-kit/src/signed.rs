//! Single calls of services that need no client of their own: signed, sent, tried again.
//!
//! Secrets Manager, Step Functions and Lambda are each asked one thing. A client of the SDK for each
//! would add its endpoint rules and error types to every function, a megabyte and a half in the
//! campaign function, and minutes to the build; what is needed is a signature, which the SDK's own
//! signer makes, and the SDK's own HTTP connector.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError,
};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use tokio::time::{sleep, timeout};

use crate::clients::{Patience, endpoint};
use crate::tls;

/// A service that is called directly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// Part of the host name, and the name that is signed for.
    pub name: &'static str,
    /// What `AWS_ENDPOINT_URL_…` ends in for it.
    pub variable: &'static str,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    /// Who is called.
    pub service: Service,
    /// Where, beginning with a slash.
    pub path: &'a str,
    /// Headers besides those that are always there.
    pub headers: &'a [(&'static str, &'static str)],
    /// JSON.
    pub body: String,
}

/// An answer with a status of success.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Headers that say how it went.
    pub function_error: bool,
    /// JSON.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service could not be reached in time.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        cause: String,
    },
    /// The service refused.
    #[error("{url} answered {status}: {body}")]
    Refused {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// There is nothing to sign with.
    #[error("there are no AWS credentials")]
    Credentials(#[source] CredentialsError),
    /// The call could not be signed.
    #[error("the call of {0} cannot be signed")]
    Sign(String),
}

impl CallError {
    /// Whether another try may go better.
    fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, body, .. } => {
                *status >= 500
                    || *status == 429
                    || body.contains("Throttl")
                    || body.contains("TooManyRequests")
            }
            Self::Credentials(_) | Self::Sign(_) => false,
        }
    }
}

/// Makes calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub region: String,
    pub credentials: SharedCredentialsProvider,
    pub patience: Patience,
}

impl Caller {
    /// Calls, again after a pause while that may help.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let mut pause = Duration::from_millis(50);
        for attempt in 1.. {
            match self.once(call).await {
                Err(error) if error.is_passing() && attempt < self.patience.attempts => {
                    tracing::info!(%error, attempt, "tried again");
                    sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn once(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let host = || format!("https://{}.{}.amazonaws.com", call.service.name, self.region);
        let base = endpoint(call.service.variable).unwrap_or_else(host);
        let url = format!("{}{}", base.trim_end_matches('/'), call.path);
        let unreachable = |cause: String| CallError::Unreachable { url: url.clone(), cause };
        let request = self.signed(call, &url).await?;
        let sent = timeout(self.patience.attempt, connector().call(request)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable(format!("no answer within {:?}", self.patience.attempt))),
        };
        let status = response.status().as_u16();
        let function_error = response.headers().get("x-amz-function-error").is_some();
        let body = timeout(
            self.patience.attempt,
            aws_smithy_types::byte_stream::ByteStream::new(response.into_body()).collect(),
        );
        let body = match body.await {
            Ok(Ok(body)) => body.into_bytes().to_vec(),
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable(format!("no whole answer within {:?}", self.patience.attempt))),
        };
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&body).chars().take(500).collect();
            return Err(CallError::Refused { url, status, body });
        }
        Ok(Answer { function_error, body })
    }

    async fn signed(&self, call: &Call<'_>, url: &str) -> Result<HttpRequest, CallError> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, url, "a call cannot be signed");
            CallError::Sign(url.to_owned())
        };
        let credentials = self.credentials.provide_credentials().await.map_err(CallError::Credentials)?;
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(call.service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let host = url.split('/').nth(2).unwrap_or_default();
        let headers = call.headers.iter().copied().chain([("host", host)]);
        let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(call.body.as_bytes()))
            .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| failed(&error))?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(call.body.clone()));
        request.set_method("POST").map_err(|error| failed(&error))?;
        request.set_uri(url).map_err(|error| failed(&error))?;
        for (name, value) in call.headers {
            request.headers_mut().insert(*name, *value);
        }
        let (headers, _) = instructions.into_parts();
        for header in headers {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        Ok(request)
    }
}

/// One pool of connections for all callers, made when it is needed first.
fn connector() -> &'static Connector {
    static CONNECTOR: OnceLock<Connector> = OnceLock::new();
    CONNECTOR
        .get_or_init(|| Connector::builder().tls_provider(tls::PROVIDER).tls_context(tls::context()).build())
}
