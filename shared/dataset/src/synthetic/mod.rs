//! A generated data set for demonstrations: invented films, and viewers who rate them.
//!
//! Viewers explore scenes of films that belong together, watch series in order, turn from a film to
//! its neighbours, and follow what is popular at the time. So what somebody watched last says much
//! about what comes next, which a model of sequences can learn and a list of popular items cannot.
//! The same options give the same bytes on every machine.

mod films;
mod random;
mod viewers;
mod words;

use films::Catalogue;
use random::Random;
use words::GENRES;

/// Sizes of a generated data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticOptions {
    /// Viewers, at least 1.
    pub users: usize,
    /// Films, at least 1.
    pub items: usize,
    /// Ratings. A viewer gives at least one, rates no film twice and at most half of them, which may
    /// make it more or fewer.
    pub interactions: usize,
    /// Another seed makes another world.
    pub seed: u64,
}

impl Default for SyntheticOptions {
    fn default() -> Self {
        Self { users: 1_000, items: 2_000, interactions: 100_000, seed: 1 }
    }
}

/// A generated data set as two CSV files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// `USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE`, in the order of time.
    pub ratings_csv: Vec<u8>,
    /// `ITEM_ID,TITLE,GENRES,RELEASE_YEAR,CREATION_TIMESTAMP`, in the order of ids.
    pub items_csv: Vec<u8>,
}

/// Avro schema of [`Synthetic::ratings_csv`].
pub const RATINGS_SCHEMA: &str = r#"{
  "type": "record",
  "name": "Interactions",
  "namespace": "com.amazonaws.personalize.schema",
  "fields": [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "EVENT_VALUE", "type": "float"}
  ],
  "version": "1.0"
}
"#;

/// Avro schema of [`Synthetic::items_csv`].
pub const ITEMS_SCHEMA: &str = r#"{
  "type": "record",
  "name": "Items",
  "namespace": "com.amazonaws.personalize.schema",
  "fields": [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TITLE", "type": "string"},
    {"name": "GENRES", "type": "string", "categorical": true},
    {"name": "RELEASE_YEAR", "type": "int"},
    {"name": "CREATION_TIMESTAMP", "type": "long"}
  ],
  "version": "1.0"
}
"#;

/// 2023-01-01T00:00:00Z.
const START: i64 = 1_672_531_200;
/// Two years.
const DAYS: i64 = 730;

/// Makes a data set.
pub fn generate(options: &SyntheticOptions) -> Synthetic {
    let (users, items) = (options.users.max(1), options.items.max(1));
    let mut random = Random::new(options.seed);
    let catalogue = Catalogue::new(items, DAYS, &mut random);
    let counts = viewers::activity(users, options.interactions, items, &mut random);
    let mut events = Vec::with_capacity(options.interactions);
    for (user, count) in counts.into_iter().enumerate() {
        events.extend(viewers::watch(user, count, &catalogue, (START, DAYS), &mut random));
    }
    // Stable: what one viewer did keeps its order.
    events.sort_by_key(|event| event.time);
    Synthetic { ratings_csv: ratings_csv(&events), items_csv: items_csv(&catalogue) }
}

fn ratings_csv(events: &[viewers::Event]) -> Vec<u8> {
    let mut csv = String::from("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n");
    for event in events {
        let (stars, half) = (event.half_stars / 2, event.half_stars % 2 * 5);
        csv += &format!("{},{},{},Rating,{stars}.{half}\n", event.user + 1, event.film + 1, event.time);
    }
    csv.into_bytes()
}

fn items_csv(catalogue: &Catalogue) -> Vec<u8> {
    let mut csv = String::from("ITEM_ID,TITLE,GENRES,RELEASE_YEAR,CREATION_TIMESTAMP\n");
    for (number, film) in catalogue.films.iter().enumerate() {
        let genres: Vec<&str> = film.genres.iter().map(|&genre| GENRES[genre]).collect();
        let title = if film.title.contains(',') { format!("\"{}\"", film.title) } else { film.title.clone() };
        let added = START + film.added * viewers::DAY;
        csv += &format!("{},{title},{},{},{added}\n", number + 1, genres.join("|"), film.year);
    }
    csv.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{EventFilter, ImportOptions, MemorySink, NamedInput, Schema, import_csv, read_interactions};

    fn import(csv: &[u8], schema: &str) -> MemorySink {
        let mut sink = MemorySink::default();
        let input = NamedInput::new("generated.csv", std::io::Cursor::new(csv.to_vec()));
        let schema = Schema::parse(schema).unwrap();
        import_csv([input], &schema, &ImportOptions::default(), &mut sink, &|_| ()).unwrap();
        sink
    }

    #[test]
    fn the_default_data_set_is_the_same_everywhere() {
        let data = generate(&SyntheticOptions::default());
        assert_eq!(crc32fast::hash(&data.ratings_csv), 0xdefc4e24);
        assert_eq!(crc32fast::hash(&data.items_csv), 0x29762beb);
    }

    #[test]
    fn it_imports_and_nobody_rates_a_film_twice() {
        let data = generate(&SyntheticOptions::default());
        let parts = import(&data.ratings_csv, RATINGS_SCHEMA).parts;
        let read = read_interactions(parts.into_iter().map(|p| p.data), &EventFilter::default()).unwrap();
        assert_eq!((read.len(), read.users.len(), read.items.len()), (100_000, 1_000, 2_000));
        for user in 0..read.users.len() as u32 {
            let films = read.history(user).items;
            assert_eq!(films.iter().collect::<HashSet<_>>().len(), films.len());
        }
        let items = import(&data.items_csv, ITEMS_SCHEMA).parts.remove(0).data;
        let titles = crate::read_columns(items, &["TITLE"]).unwrap().remove(0);
        assert_eq!(titles.iter().flatten().collect::<HashSet<_>>().len(), 2_000);
    }

    /// What the data set is for: among the pairs of films that follow each other, a film's most
    /// frequent follower comes far more often than the most popular film does.
    #[test]
    fn what_was_watched_last_says_more_than_popularity() {
        let data = generate(&SyntheticOptions::default());
        let parts = import(&data.ratings_csv, RATINGS_SCHEMA).parts;
        let read = read_interactions(parts.into_iter().map(|p| p.data), &EventFilter::default()).unwrap();
        let items = read.items.len();
        let mut follows = std::collections::HashMap::new();
        let mut counts = vec![0u32; items];
        let mut pairs = 0;
        for user in 0..read.users.len() as u32 {
            for pair in read.history(user).items.windows(2) {
                *follows.entry((pair[0], pair[1])).or_insert(0u32) += 1;
                counts[pair[1] as usize] += 1;
                pairs += 1;
            }
        }
        let mut best = vec![0u32; items];
        for ((first, _), count) in follows {
            best[first as usize] = best[first as usize].max(count);
        }
        let by_last: u32 = best.iter().sum();
        let by_popularity = *counts.iter().max().unwrap();
        assert!(by_last > 10 * by_popularity, "{by_last} against {by_popularity} of {pairs}");
        // Half of all ratings go to more than a handful of films.
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top: u32 = counts[..20].iter().sum();
        assert!(top < pairs / 5, "{top} of {pairs}");
    }

    #[test]
    fn small_and_odd_sizes_work() {
        for (users, items, interactions) in [(1, 1, 1), (3, 2, 100), (5, 700, 50), (40, 90, 1_500)] {
            let data = generate(&SyntheticOptions { users, items, interactions, seed: 7 });
            let rows = data.ratings_csv.iter().filter(|&&b| b == b'\n').count() - 1;
            assert!(rows >= users.min(interactions) && rows <= interactions.max(users), "{rows}");
        }
    }
}
