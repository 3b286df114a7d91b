//! What a campaign asks for, and where it goes.

use std::time::Duration;

use domain::recommender::Serving;
use domain::resource::{Campaign, CampaignConfig};
use domain::{Arn, Slot, Status, Steering};

use crate::Steps;

/// How often a writer looks whether its lists are still asked for. A row that it writes after another
/// deployment has written the same one is lost to that deployment, so it should notice soon; and one
/// small read in five seconds costs nothing beside the lists.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// The version that a campaign asks for and the slot that its lists go to. Both follow from the
/// campaign alone and stay the same until the deployment ends, so all of its processes agree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// The update's version once the campaign serves, and before that its own.
    pub version: Arn,
    /// The slot that does not serve; for a new campaign, which serves from neither, the first one.
    pub slot: Slot,
    /// What is asked to weigh in the lists besides the version.
    pub steering: Steering,
    /// Whether the slot holds all of the version's lists already, as before a rollback.
    ///
    /// Never for the version that serves: asking for it again publishes it again, which mends it.
    pub whole: bool,
}

impl Target {
    /// What a campaign asks for now.
    pub fn of(campaign: &Campaign) -> Self {
        let serves = campaign.lifecycle.status == Status::Active;
        let (version, config) = match &campaign.latest_update {
            Some(update) if serves => (&update.solution_version, update.config.as_ref()),
            _ => (&campaign.solution_version, None),
        };
        let config = config.or(campaign.config.as_ref());
        let steering = config.map(CampaignConfig::steering).unwrap_or_default();
        let slot = if serves { campaign.slots.serving.other() } else { campaign.slots.serving };
        let whole = steering.is_plain()
            && campaign.slots.held(slot) == Some(version)
            && campaign.solution_version != *version;
        Self { version: version.clone(), slot, steering, whole }
    }

    /// The campaign as it is once it serves this.
    pub fn reached(self, mut campaign: Campaign) -> Campaign {
        if let (Some(update), Status::Active) = (&campaign.latest_update, campaign.lifecycle.status) {
            campaign.min_provisioned_tps = update.min_provisioned_tps.or(campaign.min_provisioned_tps);
            campaign.config = update.config.clone().or(campaign.config);
        }
        campaign.slots.serving = self.slot;
        // Lists that were steered as the campaign asked are no good for another configuration, so nothing
        // may find them again.
        let whole = self.steering.is_plain().then(|| self.version.clone());
        campaign.slots.hold(self.slot, whole);
        campaign.solution_version = self.version;
        campaign
    }

    /// Whether `reached` is a campaign that serves this.
    pub fn is_reached_by(&self, reached: &Campaign) -> bool {
        reached.solution_version == self.version && reached.slots.serving == self.slot
    }

    /// Whether a campaign still asks for the same lists in the same slot.
    pub fn is_asked_for_by(&self, campaign: &Campaign) -> bool {
        let now = Self::of(campaign);
        now.version == self.version && now.slot == self.slot && now.steering == self.steering
    }

    /// Returns once the campaign's deployment has ended, or is another one.
    pub async fn withdrawn(&self, steps: &Steps, campaign: &Arn) {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            match steps.under_way::<Serving>(campaign).await {
                Ok(Some(found)) if self.is_asked_for_by(found.campaign()) => {}
                Ok(_) => return,
                // Whoever writes meets the same trouble, and says so.
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use domain::resource::CampaignUpdate;
    use domain::{EpochMillis, Lifecycle, RankingInfluence, ResourceKind, Scope, Slots};
    use embedded::Embedded;
    use store::tables::{EVENTS, PREFIX_DEFAULT, RECOMMENDATIONS, RESOURCES};
    use store::{Events, Lists, Objects, Resources};

    use super::*;
    use crate::progress::Silent;
    use crate::{ModelCache, Settings};

    fn version(n: u32) -> Arn {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        scope.arn(ResourceKind::SolutionVersion, &format!("films/{n:08}"))
    }

    fn created() -> Campaign {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        Campaign {
            arn: scope.arn(ResourceKind::Campaign, "films"),
            name: "films".into(),
            solution_version: version(1),
            slots: Slots::default(),
            min_provisioned_tps: None,
            config: None,
            latest_update: None,
            attempts: 0,
            lifecycle: Lifecycle::pending(EpochMillis(0)),
        }
    }

    /// The same once it serves and an update to a version was asked for.
    fn asking_for(campaign: &Campaign, n: u32) -> Campaign {
        let update = CampaignUpdate {
            solution_version: version(n),
            min_provisioned_tps: None,
            config: None,
            lifecycle: Lifecycle::pending(EpochMillis(1)),
        };
        let lifecycle = Lifecycle::active(EpochMillis(0));
        Campaign { latest_update: Some(update), lifecycle, ..campaign.clone() }
    }

    #[test]
    fn slots_take_turns_and_only_a_rollback_finds_its_lists() {
        let mut campaign = created();
        let mut target = Target::of(&campaign);
        assert_eq!(
            target,
            Target { version: version(1), slot: Slot::A, steering: Steering::default(), whole: false }
        );
        // Three versions, back to the second, that one again, and the first.
        let asked = [(2, Slot::B, false), (3, Slot::A, false), (2, Slot::B, true), (2, Slot::A, false)];
        for (n, slot, whole) in asked.into_iter().chain([(1, Slot::B, false)]) {
            campaign = asking_for(&target.reached(campaign), n);
            target = Target::of(&campaign);
            assert_eq!(target, Target { version: version(n), slot, steering: Steering::default(), whole });
        }
    }

    #[test]
    fn lists_that_were_explored_are_never_found_again() {
        let explores = |weight: &str| {
            Some(CampaignConfig {
                item_exploration_config: BTreeMap::from([("explorationWeight".into(), weight.into())]),
                ..CampaignConfig::default()
            })
        };
        let created = Campaign { config: explores("0.5"), ..created() };
        let first = Target::of(&created);
        assert_eq!(first.steering.exploration["explorationWeight"], "0.5");
        let mut update = asking_for(&first.reached(created), 2);
        update.latest_update.as_mut().unwrap().config = Some(CampaignConfig::default());
        let second = Target::of(&update);
        assert!(second.steering.is_plain());
        // The first slot has lists of the first version, explored as nobody asks for now.
        let back = Target::of(&asking_for(&second.reached(update), 1));
        assert_eq!((back.slot, back.whole), (Slot::A, false));
    }

    #[test]
    fn another_influence_is_another_deployment_and_none_is_found_again() {
        let weighs = |popularity| {
            let ranking_influence = RankingInfluence { popularity, ..RankingInfluence::default() };
            Some(CampaignConfig { ranking_influence, ..CampaignConfig::default() })
        };
        let campaign = Campaign { config: weighs(Some(0.5)), ..created() };
        let mut update = asking_for(&Target::of(&campaign).reached(campaign), 2);
        let target = Target::of(&update);
        update.latest_update.as_mut().unwrap().config = weighs(Some(0.25));
        assert!(!target.is_asked_for_by(&update));
        update.latest_update.as_mut().unwrap().config = weighs(Some(0.0));
        let back = Target::of(&asking_for(&Target::of(&update).reached(update), 1));
        assert_eq!((back.slot, back.whole, back.steering.is_plain()), (Slot::A, false, true));
    }

    #[test]
    fn an_end_that_comes_late_is_told_from_the_one_that_is_awaited() {
        let serving = asking_for(&Target::of(&created()).reached(created()), 2);
        let ended = Target::of(&serving).reached(serving.clone());
        assert!(Target::of(&serving).is_reached_by(&ended));
        // Another process has ended it, and then the third version was asked for.
        for now in [ended.clone(), asking_for(&ended, 3), asking_for(&ended, 2)] {
            assert!(!Target::of(&now).is_reached_by(&ended), "{now:?}");
        }
    }

    #[tokio::test]
    async fn a_writer_notices_that_its_lists_are_not_asked_for() {
        let embedded = Embedded::in_memory().await.unwrap();
        let steps = Steps {
            resources: Resources::new(embedded.dynamodb.client(), RESOURCES.name(PREFIX_DEFAULT)),
            lists: Lists::new(embedded.dynamodb.client(), RECOMMENDATIONS.name(PREFIX_DEFAULT)),
            events: Events::new(embedded.dynamodb.client(), EVENTS.name(PREFIX_DEFAULT)),
            objects: Objects::new(embedded.s3.client(), "osusume"),
            observer: Arc::new(Silent),
            settings: Settings::default(),
            models: ModelCache::default(),
        };
        let campaign = asking_for(&Target::of(&created()).reached(created()), 2);
        steps.resources.create(&campaign.clone().into()).await.unwrap();
        let target = Target::of(&campaign);
        // The clock jumps whenever nothing else is to be done.
        tokio::time::pause();
        let watch = target.withdrawn(&steps, &campaign.arn);
        assert!(tokio::time::timeout(20 * WATCH_EVERY, watch).await.is_err());
        let fail = |campaign: &mut Campaign| {
            campaign.latest_update.as_mut().unwrap().lifecycle.status = Status::CreateFailed;
            Ok::<_, std::convert::Infallible>(())
        };
        steps.resources.update(&campaign.arn, fail).await.unwrap();
        let watch = target.withdrawn(&steps, &campaign.arn);
        assert!(tokio::time::timeout(20 * WATCH_EVERY, watch).await.is_ok());
    }
}
