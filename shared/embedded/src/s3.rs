//! S3 over a folder: for the official client in process, and over HTTP for any other.
//!
//! `operations` answers the S3 operations that clients use, on top of `folder`, which knows files
//! and nothing of S3; `names` turns keys into file names. `unsigned` takes signatures off requests,
//! since every credential is welcome, and `serve` listens on a port.

mod digests;
mod folder;
mod listing;
mod names;

mod operations;
mod read;
mod uploads;
mod write;

mod aws_chunked;
mod serve;
mod unsigned;

mod events;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::{Client, Config};
use aws_smithy_types::body::SdkBody;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use self::events::{CreatedBy, ObjectCreated};
pub use self::folder::Durability;

use self::folder::{Folder, Meta};
use crate::connector::{self, BoxError};
use crate::{LockError, OpenError};

/// The region that everything embedded is in.
pub(crate) const REGION: &str = "us-east-1";

/// Embedded buckets. Cheap to clone.
#[derive(Clone)]
pub struct S3 {
    store: Arc<Store>,
    service: S3Service,
}

/// What the operations work on.
struct Store {
    folder: Folder,
    sequencer: AtomicU64,
    listeners: Mutex<Vec<mpsc::UnboundedSender<ObjectCreated>>>,
}

impl Store {
    /// Tells every listener about a new object.
    fn created(&self, by: CreatedBy, bucket: &str, key: &str, meta: &Meta) {
        // Starting from the clock keeps sequencers rising over restarts.
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let next = |last| Some(clock.max(last + 1));
        let last = self.sequencer.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let sequencer = clock.max(last.unwrap_or(0) + 1);
        let event = ObjectCreated {
            by,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: meta.size,
            etag: meta.etag.clone(),
            time: meta.last_modified(),
            sequencer,
        };
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}

impl S3 {
    /// Opens the buckets under a folder, which is created if need be.
    pub(crate) fn open(root: &Path, durability: Durability) -> Result<Self, OpenError> {
        let folder = Folder::open(root, durability)
            .map_err(|cause| LockError::Io { directory: root.to_owned(), cause })?;
        let store =
            Arc::new(Store { folder, sequencer: AtomicU64::new(0), listeners: Mutex::new(Vec::new()) });
        let service = S3ServiceBuilder::new(operations::Operations(Arc::clone(&store))).build();
        Ok(Self { store, service })
    }

    /// The official client, calling these buckets in process.
    pub fn client(&self) -> Client {
        let service = self.service.clone();
        let http = connector::http_client(move |request| {
            let service = service.clone();
            async move {
                let request = unsigned::unsigned(request.map(s3s::Body::http_body))?;
                let response = service.call(request).await.map_err(BoxError::from)?;
                Ok(response.map(SdkBody::from_body_1_x))
            }
        });
        // Nothing checks signatures here, so none are made; and nothing fails that a retry would
        // mend. The bytes do not leave the process, so checksums over them would tell nothing.
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url("http://s3.localhost")
            .force_path_style(true)
            .allow_no_auth()
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .http_client(http);
        Client::from_conf(config.build())
    }

    /// Serves the same buckets over HTTP until the future is dropped. Any credentials are accepted,
    /// so bind the listener to loopback unless the network is trusted.
    ///
    /// Buckets are addressed by path, or as `http://<bucket>.localhost:<port>/`. On a loopback
    /// address only requests for `localhost`, its subdomains or an IP address are answered, so that a
    /// web page cannot reach the store through a name of its own (DNS rebinding).
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        serve::serve(self.service.clone(), listener).await
    }

    /// Every object that appears from now on, whoever puts it, in the order of appearance within a
    /// key. Dropping the receiver ends it.
    pub fn object_created(&self) -> mpsc::UnboundedReceiver<ObjectCreated> {
        let (send, receive) = mpsc::unbounded_channel();
        self.store.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(send);
        receive
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("folder", &self.store.folder).finish_non_exhaustive()
    }
}
