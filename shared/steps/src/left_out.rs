//! What a use case leaves out of a user's answers: what the user bought or watched lately.
//!
//! It looks as far back as filters do: at the latest 100 interactions of the type, imported and live.
//! The best of everything is asked for with as many more as are left out, so an answer is never shorter
//! than the catalogue makes it.

use std::collections::HashSet;

use dataset::manifest::ManifestPart;
use dataset::{Manifest, Schema};
use domain::event::Event;
use domain::limits::FILTER_EVENTS_PER_TYPE;
use filter::{EventIndex, EventIndexBuilder, UserEvent};
use store::StoredList;

use crate::Steps;
use crate::failure::{Doing, Failure};

/// Items that are left out of one list at most.
pub(crate) const ITEMS_MAX: usize = FILTER_EVENTS_PER_TYPE;

/// What users took, by an event type.
pub(crate) struct Taken {
    event_type: &'static str,
    index: EventIndex,
}

impl Taken {
    /// Reads parts of an Interactions dataset.
    pub async fn read(
        steps: &Steps,
        manifest: &Manifest,
        parts: &[ManifestPart],
        event_type: &'static str,
    ) -> Result<Self, Failure> {
        let schema = Schema::parse(&manifest.schema).doing(|| "reading the schema of interactions".into())?;
        let mut builder = EventIndexBuilder::new(&schema, &[]);
        for part in parts {
            let bytes = steps.part(part).await?;
            let pushed = tokio::task::spawn_blocking(move || builder.push(bytes).map(|()| builder)).await;
            let reading = || format!("reading {}", part.key);
            builder = pushed.doing(reading)?.doing(reading)?;
        }
        let index = tokio::task::spawn_blocking(move || builder.finish()).await;
        Ok(Self { event_type, index: index.doing(|| "sorting interactions".into())? })
    }

    /// What a user took; `told` are events beside those in the parts.
    pub fn by(&self, user: &str, told: &[Event]) -> HashSet<Box<str>> {
        let mut events = self.index.of(user);
        if !told.is_empty() {
            let event = |event: &Event| {
                let item = event.item.as_deref()?.into();
                let event_type = Some(event.event_type.as_str().into());
                Some(UserEvent { item, event_type, timestamp: event.timestamp(), cells: vec![] })
            };
            events.extend(told.iter().filter_map(event));
            events = filter::events::latest(events, self.index.most());
        }
        let of_type = |event: &UserEvent| {
            event.event_type.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(self.event_type))
        };
        events.into_iter().filter(of_type).map(|event| event.item).collect()
    }
}

/// The best `k` of a list without some items. `list` is asked for the number that is enough.
pub(crate) fn without(
    left_out: &HashSet<Box<str>>,
    k: usize,
    list: impl FnOnce(usize) -> StoredList,
) -> StoredList {
    let mut list = list(k + left_out.len());
    if !left_out.is_empty() {
        let mut keep = list.items.iter().map(|item| !left_out.contains(item.as_str()));
        // There are no scores, or one for each item.
        list.scores.retain(|_| keep.next().unwrap_or(true));
        list.items.retain(|item| !left_out.contains(item.as_str()));
    }
    list.items.truncate(k);
    list.scores.truncate(k);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &str, scored: bool) -> StoredList {
        let items: Vec<String> = items.chars().map(String::from).collect();
        let scores = if scored { (0..items.len()).map(|n| n as f32).collect() } else { vec![] };
        StoredList { items, scores }
    }

    #[test]
    fn what_is_left_out_makes_room_for_the_next_best() {
        let left_out = HashSet::from(["b".into(), "x".into()]);
        let found = without(&left_out, 3, |k| {
            assert_eq!(k, 5);
            list("abcde", true)
        });
        assert_eq!(found, StoredList { items: list("acd", false).items, scores: vec![0.0, 2.0, 3.0] });
        assert_eq!(without(&left_out, 3, |_| list("abc", false)), list("ac", false));
        assert_eq!(without(&HashSet::new(), 2, |_| list("abc", false)), list("ab", false));
    }
}
