//! DynamoDB over SQLite, called in process by the official client.
//!
//! Two database files, because the tables want different care. Resources are few and must not be
//! lost, and neither must events: every write is synced to the disk before it is acknowledged. Recommendation lists are many
//! and can be published again: their writes are handed to the operating system, so they survive a
//! killed process, and a power failure costs the last of them but never the file (write-ahead log
//! with `synchronous = NORMAL`).

mod dispatch;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use dynoxide::Database;
use store::tables;

use crate::OpenError;
use crate::connector;

/// Embedded tables. Cheap to clone.
#[derive(Clone)]
pub struct DynamoDb {
    databases: Arc<Databases>,
}

/// Which database holds which table.
pub(crate) struct Databases {
    /// Everything but the lists; synced on every write.
    durable: Database,
    /// The recommendation lists.
    lists: Database,
    /// A second connection to the lists' file, so that answering a user never waits for a batch that
    /// is being published. It sees whatever was acknowledged. A database in memory has none.
    lists_reader: Option<Database>,
}

impl Databases {
    fn of(&self, table: &str, operation: &str) -> &Database {
        if !table.ends_with(tables::RECOMMENDATIONS.base_name) {
            return &self.durable;
        }
        match &self.lists_reader {
            Some(reader) if operation == "GetItem" => reader,
            _ => &self.lists,
        }
    }
}

impl DynamoDb {
    /// Opens or creates the databases in a directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, OpenError> {
        let open = |name: &str| {
            let path = directory.join(name);
            let error = |cause| OpenError::Database { path: path.clone(), cause };
            let text = path.to_str().ok_or_else(|| error("the path is not valid UTF-8".into()))?;
            Database::new(text).map_err(|e| error(e.into()))
        };
        let (durable, lists) = (open("resources.db")?, open("recommendations.db")?);
        // The only way that dynoxide offers to `synchronous = NORMAL`; it also sets the cache back
        // to SQLite's default.
        lists.disable_bulk_loading().map_err(|e| OpenError::Database {
            path: directory.join("recommendations.db"),
            cause: e.into(),
        })?;
        let lists_reader = Some(open("recommendations.db")?);
        Ok(Self { databases: Arc::new(Databases { durable, lists, lists_reader }) })
    }

    /// Empty tables that go away with the last clone.
    pub(crate) fn in_memory() -> Result<Self, OpenError> {
        let open = || {
            Database::memory().map_err(|e| OpenError::Database { path: ":memory:".into(), cause: e.into() })
        };
        Ok(Self { databases: Arc::new(Databases { durable: open()?, lists: open()?, lists_reader: None }) })
    }

    /// Removes what has expired, which DynamoDB does by itself and nothing here does in between.
    pub(crate) fn sweep(&self) -> Result<(), OpenError> {
        for database in [&self.databases.durable, &self.databases.lists] {
            database.sweep_ttl().map_err(|cause| OpenError::Sweep(cause.into()))?;
        }
        Ok(())
    }

    /// The official client, calling these tables.
    pub fn client(&self) -> Client {
        self.client_through(|http| http)
    }

    /// The official client with something between it and the tables, for example a fault injector.
    pub fn client_through(&self, wrap: impl FnOnce(SharedHttpClient) -> SharedHttpClient) -> Client {
        let databases = Arc::clone(&self.databases);
        let http = connector::http_client(move |request| dispatch::answer(Arc::clone(&databases), request));
        // Nothing checks signatures here, so none are made; and nothing fails that a retry would mend.
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://dynamodb.embedded")
            .allow_no_auth()
            .retry_config(RetryConfig::disabled())
            .http_client(wrap(http));
        Client::from_conf(config.build())
    }
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DynamoDb")
    }
}
