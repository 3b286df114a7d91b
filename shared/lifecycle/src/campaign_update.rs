//! Moving campaigns to other versions.

use domain::resource::{Campaign, CampaignConfig, CampaignUpdate, SolutionVersion};
use domain::{ApiError, Arn, EpochMillis, Lifecycle, Resource, Status};

use crate::rules;

/// What is asked of a campaign. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The version that it moves to.
    pub solution_version: Arn,
    /// The new capacity.
    pub min_provisioned_tps: Option<u32>,
    /// The new configuration.
    pub config: Option<CampaignConfig>,
}

/// Asks a campaign for a change, which its deployment then makes. The present version serves until
/// then.
///
/// Fails with `ResourceInUse` while the campaign, or an earlier change of it, is under way.
pub fn ask(campaign: &mut Campaign, change: &Change, now: EpochMillis) -> Result<(), ApiError> {
    rules::must_be_updatable(&Resource::from(campaign.clone()), campaign.latest_update.as_ref())?;
    let update = CampaignUpdate {
        solution_version: change.solution_version.clone(),
        min_provisioned_tps: change.min_provisioned_tps.or(campaign.min_provisioned_tps),
        config: change.config.clone().or(campaign.config.clone()),
        lifecycle: Lifecycle::pending(now),
    };
    campaign.attempts = 0;
    match campaign.lifecycle.status {
        Status::CreateFailed => create_anew(campaign, update),
        _ => campaign.latest_update = Some(update),
    }
    Ok(())
}

/// A campaign that failed serves nothing beside which an update could wait, so it becomes what is asked
/// for and its creation begins again.
fn create_anew(campaign: &mut Campaign, update: CampaignUpdate) {
    campaign.solution_version = update.solution_version;
    campaign.min_provisioned_tps = update.min_provisioned_tps;
    campaign.config = update.config;
    campaign.latest_update = None;
    campaign.lifecycle = Lifecycle { created: campaign.lifecycle.created, ..update.lifecycle };
}

/// The newest version that can be served. `versions` are those of one solution, oldest first.
pub fn newest(versions: &[SolutionVersion]) -> Option<&SolutionVersion> {
    versions.iter().rev().find(|version| version.lifecycle.status == Status::Active)
}

/// What a campaign that follows its solution is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Nothing: it does not follow, serves the newest version, or something is under way.
    Stay,
    /// Be asked to move to this version.
    Move(Arn),
    /// The move that it was asked for at this time, and that has not begun.
    Waits(EpochMillis),
}

/// What a campaign is to do, given all versions of its solution, oldest first.
///
/// It never moves to an older version, and is not asked again for one whose deployment has failed: the
/// failed update says why, and the next version is another try.
pub fn follow(campaign: &Campaign, versions: &[SolutionVersion]) -> Follow {
    let Some(newest) = newest(versions).filter(|_| campaign.follows_latest()) else { return Follow::Stay };
    if !matches!(campaign.lifecycle.status, Status::Active | Status::CreateFailed) {
        return Follow::Stay;
    }
    if let Some(update) = &campaign.latest_update {
        let to_newest = update.solution_version == newest.arn;
        match update.lifecycle.status {
            Status::CreatePending if to_newest => return Follow::Waits(update.lifecycle.created),
            Status::CreateFailed if to_newest => return Follow::Stay,
            status if !status.is_at_rest() => return Follow::Stay,
            _ => {}
        }
    }
    let place = |arn: &Arn| versions.iter().position(|version| version.arn == *arn);
    match place(&newest.arn) > place(&campaign.solution_version) {
        true => Follow::Move(newest.arn.clone()),
        false => Follow::Stay,
    }
}
