//! Cutting the files of an import into ranges.

use dataset::csv::{self, FileRange};
use domain::Arn;
use serde::{Deserialize, Serialize};
use store::S3Location;
use store::objects::ObjectInfo;

use super::{Target, sources, working};
use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::keys::ranges_prefix;

fn plan_key(prefix: &str) -> String {
    format!("{}plan.json", ranges_prefix(prefix))
}

/// What is to be imported, and in which pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Bytes of text in a part.
    pub part_bytes: usize,
    /// The files in their order.
    pub sources: Vec<PlannedSource>,
    /// All ranges, in the order of the files and of their rows.
    pub ranges: Vec<FileRange>,
}

/// A file as it was when the import was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedSource {
    /// `s3://bucket/key`.
    pub location: String,
    pub etag: String,
    pub size: u64,
}

/// Identifies what a range was made of. An outcome that was left by an earlier attempt is used again
/// if it would be made of the same, and is as good as missing if it would not.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RangeIdentity {
    /// Of the program.
    version: String,
    part_bytes: usize,
    pub source: PlannedSource,
    pub range: FileRange,
}

impl Plan {
    /// Reads the plan of a job.
    pub async fn read(steps: &Steps, target: &Target) -> Result<Self, Failure> {
        let at = steps.objects.at(plan_key(&target.prefix));
        let bytes = steps.objects.get(&at).await.doing(|| "reading the plan of the import".into())?;
        serde_json::from_slice(&bytes).doing(|| format!("reading {at}"))
    }

    /// What a range is made of; nothing when there is no such range.
    pub fn identity(&self, range: usize) -> Option<RangeIdentity> {
        let range = *self.ranges.get(range)?;
        Some(RangeIdentity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            part_bytes: self.part_bytes,
            source: self.sources.get(range.file)?.clone(),
            range,
        })
    }
}

impl Steps {
    /// Looks at the files of an import job and writes down in which ranges they are to be imported:
    /// returns how many ranges there are.
    ///
    /// None when there is nothing to do for the job any more, because it was stopped, for example.
    /// What was replaced after this is not imported: it fails the import.
    pub async fn plan_import(&self, job: &Arn) -> Result<u32, Failure> {
        let Some(job) = working(self, job).await? else { return Ok(0) };
        let target = Target::of(self, &job).await?;
        let part_bytes = self.settings.part_bytes;
        let range_bytes = part_bytes as u64 * u64::from(self.settings.parts_per_range.max(1));
        let mut plan = Plan { part_bytes, sources: Vec::new(), ranges: Vec::new() };
        for (at, listed) in sources::find(self, &job.data_location).await? {
            let file = plan.sources.len();
            let (info, can_be_cut) = look_at(self, &at, listed, range_bytes).await?;
            if can_be_cut {
                plan.ranges.extend(FileRange::cut(file, info.size, range_bytes));
            } else {
                plan.ranges.push(FileRange::whole(file));
            }
            let location = at.to_string();
            plan.sources.push(PlannedSource { location, etag: info.etag, size: info.size });
        }
        let count = u32::try_from(plan.ranges.len()).doing(|| format!("planning {}", job.data_location))?;
        let at = self.objects.at(plan_key(&target.prefix));
        let json = serde_json::to_vec_pretty(&plan).doing(|| format!("writing {at}"))?;
        self.objects.put(&at, json).await.doing(|| format!("writing {at}"))?;
        Ok(count)
    }
}

/// What is known of an object, and whether it can be read from the middle. Those that fit into a range
/// are not opened if they were listed: there may be many of them.
async fn look_at(
    steps: &Steps,
    at: &S3Location,
    listed: Option<ObjectInfo>,
    range_bytes: u64,
) -> Result<(ObjectInfo, bool), Failure> {
    if let Some(info) = listed.filter(|info| info.size <= range_bytes) {
        return Ok((info, false));
    }
    let mut body = sources::open(steps, at).await?;
    let mut head = Vec::new();
    while head.len() < 2
        && let Some(chunk) = body.next().await.doing(|| format!("reading {at}"))?
    {
        head.extend_from_slice(&chunk);
    }
    Ok((body.info().clone(), !csv::is_gzip(&head)))
}
