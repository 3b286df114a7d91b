//! Exploration: some places of a list go to items of which little is known, so that they are met.
//!
//! Which items may be explored is a matter of age and of interactions; which of them a user sees is a
//! matter of the model, with a bonus for items that few have met or, where impressions are given, were shown:
//! what was shown often and left aside is known, too. Each place of a list is given to the
//! best item to explore with probability `weight`, to the best item of all otherwise. The draws depend on
//! the seed, the user and the place alone, so a list that is computed again is the same list.

use std::collections::HashSet;

use dataset::Interactions;
use domain::hyperparameters::Hyperparameters;
use training::random::share;

use crate::hrnn::answer::Among;
use crate::influence::Lifted;
use crate::random::hash;
use crate::ranking::{Query, RankedList, is_within};

/// Share of the places that cold items of `aws-hrnn-coldstart` get.
const COLD_ITEM_WEIGHT: f64 = 0.3;
/// What an item that nobody met gains over one that everybody met, in units of logits.
const BONUS: f32 = 2.0;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// How new and how little known items are, as of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Freshness {
    /// When each item came into the world, in epoch seconds: as Items says, or with its first interaction.
    pub born: Vec<Option<i64>>,
    /// Interactions of each item.
    pub events: Vec<u32>,
    /// How often each item was shown, as impressions tell.
    pub shown: Vec<u32>,
    /// The latest interaction of all, in epoch seconds.
    pub latest: i64,
}

impl Freshness {
    /// Counts them.
    pub fn of(data: &Interactions) -> Self {
        let (mut born, mut events) = (vec![None; data.items.len()], vec![0; data.items.len()]);
        let all = data.histories().flat_map(|history| history.items.iter().zip(history.timestamps));
        for (&item, &time) in all {
            let birth: &mut Option<i64> = &mut born[item as usize];
            *birth = Some(birth.map_or(time, |earliest| earliest.min(time)));
            events[item as usize] += 1;
        }
        for (birth, created) in born.iter_mut().zip(data.metadata.created.iter()) {
            *birth = created.or(*birth);
        }
        let shown = data.items.iter().map(|id| data.metadata.shown.get(id).copied().unwrap_or(0)).collect();
        Self { born, events, shown, latest: data.times().max().unwrap_or(0) }
    }
}

/// What is explored, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Explorer {
    /// Items that may be explored, ascending.
    eligible: Vec<u32>,
    /// The bonus of each of them.
    bonus: Vec<f32>,
    weight: f64,
    seed: u64,
}

/// The seed of a version's lists.
pub fn seed(seed: u64, version: &str) -> u64 {
    hash(seed, version)
}

impl Explorer {
    /// What `itemExplorationConfig` asks for: items up to `explorationItemAgeCutOff` days older than the
    /// latest interaction, in a share `explorationWeight` of the places. None where that is nothing.
    pub fn of_campaign(items: &Freshness, config: &Hyperparameters, seed: u64) -> Option<Self> {
        let days = config.real("explorationItemAgeCutOff");
        Self::of_young(items, config.real("explorationWeight"), items.latest, days, u32::MAX, seed)
    }

    /// What the parameters of `aws-hrnn-coldstart` call cold: items with few interactions that are at
    /// most so many days old, seen from the latest interaction or from `now` in epoch seconds.
    pub fn of_cold_items(
        items: &Freshness,
        parameters: &Hyperparameters,
        now: i64,
        seed: u64,
    ) -> Option<Self> {
        let from = match parameters.word("cold_start_relative_from") {
            "currentTime" => now,
            _ => items.latest,
        };
        let days = parameters.real("cold_start_max_duration");
        let most = u32::try_from(parameters.integer("cold_start_max_interactions")).unwrap_or(u32::MAX);
        Self::of_young(items, COLD_ITEM_WEIGHT, from, days, most, seed)
    }

    fn of_young(
        items: &Freshness,
        weight: f64,
        from: i64,
        days: f64,
        interactions_most: u32,
        seed: u64,
    ) -> Option<Self> {
        let young = |born: Option<i64>| {
            // An item that nobody met and that has no date is new.
            born.is_none_or(|born| from.saturating_sub(born) as f64 <= days * SECONDS_PER_DAY)
        };
        let eligible: Vec<u32> = (0..items.born.len())
            .filter(|&item| young(items.born[item]) && items.events[item] <= interactions_most)
            .map(|item| item as u32)
            .collect();
        let bonus = |&item: &u32| {
            let seen = items.events[item as usize].max(items.shown[item as usize]);
            BONUS / (1.0 + seen as f32).sqrt()
        };
        let bonus = eligible.iter().map(bonus).collect();
        (weight > 0.0 && !eligible.is_empty()).then_some(Self { eligible, bonus, weight, seed })
    }

    /// The items that may be explored, ascending.
    pub fn eligible(&self) -> &[u32] {
        &self.eligible
    }

    /// Lists of `k` items with explored ones among them. `names` tells the users apart; what a user had
    /// is not explored. Scores stay those of the model, so they need not fall.
    pub fn recommend(
        &self,
        model: Lifted<'_>,
        queries: &[Query<'_>],
        names: &[&str],
        k: usize,
        exclude_seen: bool,
    ) -> Vec<RankedList> {
        let best = model.recommend_among(Among::All, queries, k, exclude_seen);
        let explored = model.recommend_among(Among::Some(&self.eligible, &self.bonus), queries, k, true);
        let mix = |((best, explored), name): ((_, _), &&str)| self.mix(best, explored, name, k);
        best.into_iter().zip(explored).zip(names).map(mix).collect()
    }

    /// The same for one query among the items in `allowed`, as
    /// [`Recommender::recommend_within`](crate::Recommender::recommend_within) has it.
    pub fn recommend_within(
        &self,
        model: Lifted<'_>,
        query: Query<'_>,
        name: &str,
        k: usize,
        allowed: &[u64],
    ) -> RankedList {
        let may = self.eligible.iter().zip(&self.bonus).filter(|(item, _)| is_within(allowed, **item));
        let (eligible, bonus): (Vec<u32>, Vec<f32>) = may.unzip();
        let mut best = model.recommend_among(Among::Allowed(allowed), &[query], k, false);
        let mut explored = model.recommend_among(Among::Some(&eligible, &bonus), &[query], k, true);
        match (best.pop(), explored.pop()) {
            (Some(best), Some(explored)) => self.mix(best, explored, name, k),
            _ => RankedList::default(),
        }
    }

    fn mix(&self, best: Scored, explored: Scored, name: &str, k: usize) -> RankedList {
        let seed = hash(self.seed, name);
        let shift = explored.log_total - best.log_total;
        // Back to a share of the whole catalogue, without the bonus.
        let own_score = |(item, score): (u32, f32)| {
            let at = self.eligible.binary_search(&item).expect("only these were asked for");
            (item, (f64::from(score) * (shift - f64::from(self.bonus[at])).exp()) as f32)
        };
        let pairs = |list: RankedList| list.items.into_iter().zip(list.scores).collect::<Vec<_>>();
        let explored: Vec<_> = pairs(explored.list).into_iter().map(own_score).collect();
        let mut sources = [pairs(best.list).into_iter(), explored.into_iter()];
        let (mut list, mut taken) = (RankedList::default(), HashSet::new());
        for place in 0..k as u32 {
            let first = usize::from(f64::from(share(seed, place)) < self.weight);
            // Where one source is used up, the other one fills the list.
            let next = [first, 1 - first]
                .into_iter()
                .find_map(|source| sources[source].find(|(item, _)| !taken.contains(item)));
            let Some((item, score)) = next else { break };
            taken.insert(item);
            list.items.push(item);
            list.scores.push(score);
        }
        list
    }
}

/// A list with the logarithm of the sum that its scores are shares of.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub list: RankedList,
    pub log_total: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::walks;
    use std::sync::Arc;

    use dataset::IdTable;
    use domain::hyperparameters::Value;

    const DAY: i64 = 86_400;

    /// Item n was met first on day n, by one user; and one item that nobody met.
    fn data() -> Interactions {
        let items = (*walks(1, 10, 11).items).clone();
        let mut users = IdTable::default();
        users.intern("somebody");
        let times: Vec<i64> = (0..10).map(|day| day * DAY).collect();
        Interactions::from_rows(users, items, &[0; 10], &(0..10).collect::<Vec<_>>(), &times)
    }

    fn config(weight: f64, days: f64) -> Hyperparameters {
        let values = [("explorationWeight", weight), ("explorationItemAgeCutOff", days)];
        Hyperparameters(values.map(|(name, value)| (name.to_owned(), Value::Real(value))).into())
    }

    #[test]
    fn young_items_and_those_without_a_date_may_be_explored() {
        let explorer = Explorer::of_campaign(&Freshness::of(&data()), &config(0.5, 3.0), 1).unwrap();
        assert_eq!(explorer.eligible(), [6, 7, 8, 9, 10]);
        assert!(explorer.bonus[4] > explorer.bonus[0]);
        let mut dated = data();
        let mut created = vec![None; 11];
        (created[0], created[10]) = (Some(9 * DAY), Some(0));
        dated.metadata.created = created.into();
        let explorer = Explorer::of_campaign(&Freshness::of(&dated), &config(0.5, 3.0), 1).unwrap();
        assert_eq!(explorer.eligible(), [0, 6, 7, 8, 9]);
        assert_eq!(Explorer::of_campaign(&Freshness::of(&data()), &config(0.0, 3.0), 1), None);
    }

    #[test]
    fn what_was_shown_often_and_left_aside_has_less_to_tell() {
        let mut shown = data();
        shown.metadata.shown = Arc::new([("item 9".into(), 8)].into_iter().collect());
        let bonus = |data: &Interactions| {
            Explorer::of_campaign(&Freshness::of(data), &config(0.5, 3.0), 1).unwrap().bonus
        };
        let (before, after) = (bonus(&data()), bonus(&shown));
        assert_eq!(before.len(), after.len());
        let changed: Vec<_> = (0..before.len()).filter(|&at| before[at] != after[at]).collect();
        // The items 6 to 10 may be explored.
        assert_eq!(changed, [3]);
        assert!((after[3] - BONUS / 3.0).abs() < 1e-6);
    }

    #[test]
    fn cold_items_are_young_and_have_few_interactions() {
        let with = |from: &str, most: i64| {
            let mut values = config(0.0, 0.0);
            values.0.insert("cold_start_relative_from".into(), Value::Word(from.into()));
            values.0.insert("cold_start_max_duration".into(), Value::Real(2.0));
            values.0.insert("cold_start_max_interactions".into(), Value::Integer(most));
            Explorer::of_cold_items(&Freshness::of(&data()), &values, 11 * DAY, 1).map(|e| e.eligible)
        };
        assert_eq!(with("latestItem", 15), Some(vec![7, 8, 9, 10]));
        assert_eq!(with("currentTime", 15), Some(vec![9, 10]));
        assert_eq!(with("latestItem", 0), Some(vec![10]));
    }
}
