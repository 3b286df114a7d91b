//! The newest data of a dataset group, for whoever looks at it with each request: what was imported last,
//! and what was put one by one since.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dataset::manifest::ManifestPart;
use dataset::{ReadError, Schema};
use domain::Arn;
use domain::event::Record;
use domain::hash::fnv1a64;
use domain::resource::{Dataset, DatasetType};
use tokio::sync::Mutex;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::layer::texts;

/// How long what was put one by one is taken for known.
pub const FRESH_FOR: Duration = Duration::from_secs(5);
/// How many times longer than the reading took.
const FRESH_TIMES: u32 = 50;

/// A dataset's schema with the key of its manifest; none where nothing was imported. Last what was put one by
/// one.
pub(crate) type Snapshot = (Arn, Arn, Option<String>, u64);

/// What was put one by one into a dataset, and an identity that changes with it.
#[derive(Default)]
pub(crate) struct Put {
    pub(crate) records: Vec<Record>,
    pub(crate) identity: u64,
}

/// Until when what was put into which dataset is taken for known.
type Puts = HashMap<(Arn, DatasetType), (Instant, Arc<Put>)>;

/// Reads the newest data. What was put one by one is read again after [`FRESH_FOR`], or fifty times what
/// reading it took, so that it takes no more than a fiftieth of the time however much there is. Clones share
/// what was read.
#[derive(Clone)]
pub struct Newest {
    steps: Steps,
    puts: Arc<Mutex<Puts>>,
    schemas: Arc<Mutex<HashMap<Arn, (Instant, Schema)>>>,
}

impl Newest {
    /// Nothing is read before it is asked for.
    pub fn new(steps: Steps) -> Self {
        Self { steps, puts: Arc::default(), schemas: Arc::default() }
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// What was put one by one, as it was lately.
    pub(crate) async fn put(&self, group: &Arn, kind: DatasetType) -> Result<Arc<Put>, Failure> {
        // Locked while it is read: who asks meanwhile waits for the same.
        let mut puts = self.puts.lock().await;
        let at = (group.clone(), kind);
        if let Some((until, put)) = puts.get(&at)
            && Instant::now() < *until
        {
            return Ok(put.clone());
        }
        let began = Instant::now();
        let reading = || format!("reading what was put into {} of {group}", kind.as_str());
        let records = self.steps.events.records(group, kind).await.doing(reading)?;
        let put = Arc::new(Put { identity: fnv1a64(texts(&records)), records });
        let now = Instant::now();
        let until = now + FRESH_FOR.max((now - began) * FRESH_TIMES);
        puts.retain(|_, (until, _)| *until > now);
        puts.insert(at, (until, put.clone()));
        Ok(put)
    }

    /// The schema of a dataset. It never changes, but another one may get its name, so it is read again
    /// after [`FRESH_FOR`].
    pub(crate) async fn schema(&self, dataset: &Dataset) -> Result<Schema, Failure> {
        let mut schemas = self.schemas.lock().await;
        if let Some((until, schema)) = schemas.get(&dataset.schema)
            && Instant::now() < *until
        {
            return Ok(schema.clone());
        }
        let schema = self.steps.schema(&dataset.schema).await?;
        schemas.retain(|_, (until, _)| *until > Instant::now());
        schemas.insert(dataset.schema.clone(), (Instant::now() + FRESH_FOR, schema.clone()));
        Ok(schema)
    }

    /// The schema of a dataset, and the parts of what is active now. Parts that were imported before a column
    /// came into the schema have nulls in it.
    pub(crate) async fn snapshot(&self, dataset: &Dataset) -> Result<(Schema, Vec<ManifestPart>), Failure> {
        let schema = self.schema(dataset).await?;
        let parts = match &dataset.active {
            Some(snapshot) => self.steps.manifest(&snapshot.manifest_key).await?.parts,
            None => vec![],
        };
        Ok((schema, parts))
    }

    /// Pushes parts, one at a time, so that they never lie in memory as a whole.
    pub(crate) async fn read<B: Send + 'static>(
        &self,
        parts: &[ManifestPart],
        mut builder: B,
        push: fn(&mut B, Bytes) -> Result<(), ReadError>,
    ) -> Result<B, Failure> {
        for part in parts {
            let bytes = self.steps.part(part).await?;
            let pushed =
                tokio::task::spawn_blocking(move || push(&mut builder, bytes).map(|()| builder)).await;
            let reading = || format!("reading {}", part.key);
            builder = pushed.doing(reading)?.doing(reading)?;
        }
        Ok(builder)
    }
}

/// The snapshot that a dataset has now.
pub(crate) fn key(dataset: &Dataset, put: u64) -> Snapshot {
    let manifest = dataset.active.as_ref().map(|snapshot| snapshot.manifest_key.clone());
    (dataset.arn.clone(), dataset.schema.clone(), manifest, put)
}
