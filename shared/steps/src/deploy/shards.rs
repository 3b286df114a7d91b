//! Deployment in stages: shards of lists by any number of processes, then the swap.

use domain::Arn;
use domain::recommender::Serving;

use store::Published;

use super::{Deployment, Part};
use crate::failure::Failure;
use crate::stages::{Receipt, Receipts};
use crate::{Steps, keys};

impl Deployment {
    /// Shards that the lists are cut into; the cold list alone is one too.
    fn shards(&self, per_shard: u32) -> u32 {
        self.lists.div_ceil(per_shard.max(1)).max(1)
    }

    /// Neighbouring users or items; the first shard has the cold list as well.
    fn shard(&self, shard: u32, per_shard: u32) -> Result<Part, Failure> {
        let shards = self.shards(per_shard);
        if shard >= shards {
            return Err(Failure::Internal {
                doing: format!("publishing shard {shard} of the lists of {}", self.version.arn),
                cause: format!("there are {shards} shards, the first is 0").into(),
            });
        }
        // No overflow: a shard that exists begins before the last list.
        let start = shard * per_shard.max(1);
        let end = start.saturating_add(per_shard.max(1)).min(self.lists);
        let note = format!("shard {} of {shards}", shard + 1);
        Ok(Part { lists: start..end, cold: shard == 0, note })
    }

    fn receipts<'a>(&self, steps: &'a Steps) -> Receipts<'a> {
        Receipts::under(steps, keys::deployment_prefix(&self.campaign().arn, &self.version.arn))
    }
}

impl Steps {
    /// How many shards the lists of the version that a campaign asks for are published in: at least
    /// one, or none when there is nothing to publish: the campaign is gone, asks for nothing, or its
    /// other slot holds the version whole, so that the swap is all there is to do.
    pub async fn plan_deploy(&self, campaign: &Arn) -> Result<u32, Failure> {
        let Some(found) = self.under_way::<Serving>(campaign).await? else { return Ok(0) };
        let deployment = Deployment::of(self, found).await?;
        // What an earlier attempt published is published again, so its receipts prove nothing.
        self.clear(keys::deployments_prefix(campaign)).await?;
        if deployment.target.whole || !deployment.open(self).await? {
            return Ok(0);
        }
        Ok(deployment.shards(self.settings.shard_lists))
    }

    /// Publishes the lists of one shard, counted from zero. May be repeated, and nobody reads the
    /// lists before [`Steps::swap`].
    ///
    /// A process that publishes several shards of a version loads its model once. Loading reads all
    /// interactions of the version, because they are the users' histories.
    pub async fn publish_shard(&self, campaign: &Arn, shard: u32) -> Result<Published, Failure> {
        let Some(found) = self.under_way::<Serving>(campaign).await? else {
            return Ok(Published::default());
        };
        let deployment = Deployment::of(self, found).await?;
        let part = deployment.shard(shard, self.settings.shard_lists)?;
        if deployment.target.whole || !deployment.open(self).await? {
            return Ok(Published::default());
        }
        let version = &deployment.version;
        let model = self.models.get(&version.state(), self.served_model(version)).await?;
        let published = deployment.publish(self, model, part).await?;
        let receipt = Receipt { shard, done: published.written, write_units: published.write_units };
        deployment.receipts(self).leave(&receipt).await?;
        Ok(published)
    }

    /// Moves the campaign to its new version if every shard was published, in one write. Until then
    /// it serves what it served.
    ///
    /// A shard without a receipt is an internal failure that names it; the shard may then be
    /// published and the swap repeated.
    pub async fn swap(&self, campaign: &Arn) -> Result<(), Failure> {
        if let Some(found) = self.under_way::<Serving>(campaign).await? {
            let deployment = Deployment::of(self, found).await?;
            if !deployment.target.whole {
                self.check_receipts(&deployment).await?;
            }
            deployment.catch_up(self).await?;
            self.finish(campaign, deployment.deployed()).await?;
        }
        self.clear(keys::deployments_prefix(campaign)).await
    }

    async fn check_receipts(&self, deployment: &Deployment) -> Result<(), Failure> {
        let (campaign, version) = (&deployment.campaign().arn, &deployment.version.arn);
        let per_shard = self.settings.shard_lists;
        let shards = deployment.shards(per_shard);
        let receipts = deployment.receipts(self).all(shards).await?;
        for receipt in &receipts {
            let expected = deployment.shard(receipt.shard, per_shard)?.total();
            if receipt.done != expected {
                return Err(Failure::Internal {
                    doing: format!("checking shard {} of the lists of {version}", receipt.shard),
                    cause: format!("it published {} lists instead of {expected}", receipt.done).into(),
                });
            }
        }
        let lists: u64 = receipts.iter().map(|receipt| receipt.done).sum();
        let write_units: f64 = receipts.iter().map(|receipt| receipt.write_units).sum();
        tracing::info!(%campaign, %version, shards, lists, write_units, "every shard is published");
        Ok(())
    }
}
