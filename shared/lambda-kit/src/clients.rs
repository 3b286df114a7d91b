//! Clients of AWS services, built from the environment alone.
//!
//! Credentials are those that Lambda puts into the environment of each sandbox; they outlive it.
//! `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` name other endpoints, as for every SDK.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use store::{Events, Lists, Objects, Resources, tables};

use crate::config::{ConfigError, Stack, optional, required};
use crate::signed::Caller;
use crate::tls;

/// How patient a function is with the services it calls.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest single try.
    pub attempt: Duration,
    /// Tries, the first one included.
    pub attempts: u32,
}

impl Patience {
    /// For somebody who waits for an answer: a try that takes longer is lost anyway.
    pub const SERVING: Self = Self { attempt: Duration::from_millis(800), attempts: 3 };
    /// For work in the background.
    pub const WORKING: Self = Self { attempt: Duration::from_secs(30), attempts: 8 };
}

/// What all clients share. Cheap to clone; one connection pool.
#[derive(Clone, Debug)]
pub struct Aws {
    region: String,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
    patience: Patience,
    dynamodb: Arc<OnceLock<aws_sdk_dynamodb::Client>>,
}

/// The parts of a client's configuration that every SDK crate spells alike.
macro_rules! client {
    ($aws:expr, $sdk:ident, $service:literal) => {{
        let aws: &Aws = $aws;
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(aws.region.clone()))
            .credentials_provider(aws.credentials.clone())
            .http_client(aws.http.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(aws.patience.attempts))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(1))
                    .operation_attempt_timeout(aws.patience.attempt)
                    .build(),
            );
        if let Some(url) = endpoint($service) {
            config = config.endpoint_url(url);
        }
        config
    }};
}

impl Aws {
    /// Reads region and credentials as Lambda sets them.
    pub fn from_env(patience: Patience) -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "lambda environment",
        );
        Ok(Self::new(required("AWS_REGION")?, SharedCredentialsProvider::new(credentials), patience))
    }

    /// From credentials that somebody else found.
    pub fn new(region: String, credentials: SharedCredentialsProvider, patience: Patience) -> Self {
        let http = Builder::new().tls_provider(tls::PROVIDER).tls_context(tls::context()).build_https();
        Self { region, credentials, http, patience, dynamodb: Arc::default() }
    }

    /// The client of DynamoDB, the same for all tables: each new one would set up TLS and a pool of
    /// connections of its own.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let make =
            || aws_sdk_dynamodb::Client::from_conf(client!(self, aws_sdk_dynamodb, "DYNAMODB").build());
        self.dynamodb.get_or_init(make).clone()
    }

    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = client!(self, aws_sdk_s3, "S3");
        // Stand-ins are reached by address, where the bucket cannot be part of the host's name.
        let by_address = endpoint("S3").is_some();
        aws_sdk_s3::Client::from_conf(config.force_path_style(by_address).build())
    }

    /// Makes single calls of other services.
    pub(crate) fn caller(&self) -> Caller {
        Caller { region: self.region.clone(), credentials: self.credentials.clone(), patience: self.patience }
    }

    /// The table of resources.
    pub fn resources(&self, stack: &Stack) -> Resources {
        Resources::new(self.dynamodb(), tables::RESOURCES.name(&stack.table_prefix))
    }

    /// The table of lists.
    pub fn lists(&self, stack: &Stack) -> Lists {
        Lists::new(self.dynamodb(), tables::RECOMMENDATIONS.name(&stack.table_prefix))
    }

    /// The table of events.
    pub fn events(&self, stack: &Stack) -> Events {
        Events::new(self.dynamodb(), tables::EVENTS.name(&stack.table_prefix))
    }

    /// The objects of the stack's bucket.
    pub fn objects(&self, stack: &Stack) -> Objects {
        Objects::new(self.s3(), &stack.bucket)
    }
}

/// Another endpoint than AWS's own; the service's variable goes before the general one.
pub(crate) fn endpoint(service: &str) -> Option<String> {
    let own = std::env::var(format!("AWS_ENDPOINT_URL_{service}")).ok().filter(|url| !url.is_empty());
    own.or_else(|| optional("AWS_ENDPOINT_URL"))
}
