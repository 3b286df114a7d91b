//! Themes: what the items of a list have in common, in a few words.
//!
//! No language model: a theme is made of what the Items dataset says. Each item has traits, which are the
//! values of its categorical columns and the words of its name and of textual columns. A trait is telling
//! where more items of the list have it than chance would give them from the whole catalogue, by the
//! log-likelihood ratio of the two shares (Dunning 1993); a word counts half as much as a category, because
//! there are many words and few mean anything. The most telling one and its like, categories or words, at most
//! [`NAMED_MAX`] in all, name the theme.
//! How relevant a theme is to an item is the share of its weight that the item's own traits carry: 1 for one
//! that has everything the theme names, 0 for one that has nothing of it.
//!
//! The same list, catalogue and name column give the same theme.

use std::collections::{BTreeMap, BTreeSet};

use dataset::{Descriptions, IdTable};

use crate::similar::tokens::categories_of;

/// Traits that a theme names at most.
const NAMED_MAX: usize = 3;
/// A further trait is named when it tells at least this share of what the first one tells.
const NAMED_SHARE: f64 = 0.5;
/// What a trait has to tell: chance would make a category of this ratio once in a hundred lists, and a word
/// of twice this ratio, of which there are many to choose from, three times in ten thousand.
const TELLING: f64 = 6.63;
/// What a word tells, beside a category of the same ratio.
const WORD_WEIGHT: f64 = 0.5;
/// Shorter words are passed over.
const WORD_CHARS_MIN: usize = 3;
/// Words that say nothing by themselves.
const EMPTY_WORDS: [&str; 40] = [
    "about", "after", "all", "also", "and", "are", "been", "but", "for", "from", "has", "have", "her", "his",
    "into", "its", "more", "new", "not", "one", "our", "out", "over", "she", "than", "that", "the", "their",
    "them", "they", "this", "was", "when", "where", "which", "who", "will", "with", "you", "your",
];

/// Which columns of Items traits come from, as the schema names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The one with each item's name.
    pub name: String,
    /// Those of categories, several with `|`.
    pub categorical: Vec<String>,
    /// Those of free text.
    pub textual: Vec<String>,
}

impl Columns {
    /// All of them, each once.
    pub fn all(&self) -> Vec<String> {
        let all = std::iter::once(&self.name).chain(&self.categorical).chain(&self.textual);
        all.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What the items of a list have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// In a few words.
    pub name: String,
    /// From 0 to 1, for each item of the list.
    pub relevance: Vec<f64>,
}

/// The traits of every item of a catalogue.
#[derive(Debug)]
pub struct Themes {
    items: IdTable,
    names: Vec<Option<String>>,
    /// Traits of each item, ascending.
    traits: Vec<Vec<u32>>,
    known: Vec<Trait>,
}

/// Something that items may have.
#[derive(Debug)]
struct Trait {
    /// As a theme writes it.
    text: String,
    /// Whether it is a word, and not a category.
    word: bool,
    /// Items of the catalogue that have it.
    items: u32,
}

impl Themes {
    /// Finds the traits of all items that the data has a row for.
    pub fn of(data: &Descriptions, columns: &Columns) -> Self {
        let mut themes = Self { items: IdTable::default(), names: vec![], traits: vec![], known: vec![] };
        // One number for a category and the same word, which are the same thing to a reader.
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        // Categories first, so that what is both counts as one.
        for id in data.ids() {
            for cell in columns.categorical.iter().filter_map(|column| data.value(id, column)) {
                for category in categories_of(cell) {
                    themes.number(&mut numbers, category, false);
                }
            }
        }
        for id in data.ids() {
            let mut own = BTreeSet::new();
            for cell in columns.categorical.iter().filter_map(|column| data.value(id, column)) {
                own.extend(categories_of(cell).map(|category| themes.number(&mut numbers, category, false)));
            }
            for text in std::iter::once(&columns.name).chain(&columns.textual) {
                let text = data.value(id, text).unwrap_or_default();
                own.extend(words(text).map(|word| themes.number(&mut numbers, word, true)));
            }
            own.iter().for_each(|&one| themes.known[one as usize].items += 1);
            themes.items.intern(id);
            themes.names.push(data.value(id, &columns.name).map(str::to_owned));
            themes.traits.push(own.into_iter().collect());
        }
        themes
    }

    fn number(&mut self, numbers: &mut BTreeMap<String, u32>, text: &str, word: bool) -> u32 {
        let key = text.to_lowercase();
        if let Some(&number) = numbers.get(&key) {
            return number;
        }
        let number = self.known.len() as u32;
        self.known.push(Trait { text: capitalised(text), word, items: 0 });
        numbers.insert(key, number);
        number
    }

    /// The theme of items that were found for an item. Where they have nothing in common that tells them
    /// from the catalogue, it is named after the item, and nothing carries it.
    pub fn theme(&self, of: &str, items: &[String]) -> Theme {
        let rows: Vec<&[u32]> = items.iter().map(|item| self.traits_of(item)).collect();
        let named = self.telling(&rows);
        let total: f64 = named.iter().map(|(_, told)| told).sum();
        let carried = |own: &&[u32]| {
            let carried = named.iter().filter(|(one, _)| own.binary_search(one).is_ok());
            carried.map(|(_, told)| told).sum::<f64>() / total
        };
        if named.is_empty() {
            let name = self.items.get(of).map(|row| self.names[row as usize].as_deref().unwrap_or(of));
            let name = name.map_or_else(|| "Popular".to_owned(), |name| format!("Similar to {name}"));
            return Theme { name, relevance: vec![0.0; items.len()] };
        }
        let texts: Vec<&str> = named.iter().map(|&(one, _)| self.known[one as usize].text.as_str()).collect();
        Theme { name: joined(&texts), relevance: rows.iter().map(carried).collect() }
    }

    fn traits_of(&self, item: &str) -> &[u32] {
        self.items.get(item).map_or(&[], |row| &self.traits[row as usize])
    }

    /// The traits that name the theme of some items, the most telling first, with how much they tell.
    fn telling(&self, rows: &[&[u32]]) -> Vec<(u32, f64)> {
        let mut met: BTreeMap<u32, u32> = BTreeMap::new();
        rows.iter().flat_map(|own| own.iter()).for_each(|&one| *met.entry(one).or_default() += 1);
        let (listed, all) = (rows.len() as f64, self.traits.len() as f64);
        let tells = |(one, met): (u32, u32)| {
            let Trait { word, items, .. } = &self.known[one as usize];
            let (met, known) = (f64::from(met), f64::from(*items));
            // One item has nothing in common with itself.
            let ratio =
                if met < 2.0 { 0.0 } else { log_likelihood_ratio(met, listed, known - met, all - listed) };
            (one, if *word { WORD_WEIGHT * ratio } else { ratio })
        };
        let mut telling: Vec<(u32, f64)> =
            met.into_iter().map(tells).filter(|(_, told)| *told >= TELLING).collect();
        let text = |one: u32| &self.known[one as usize].text;
        telling.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| text(a.0).cmp(text(b.0))));
        let Some(&(first, most)) = telling.first() else { return telling };
        let word = |one: u32| self.known[one as usize].word;
        telling.retain(|&(one, told)| told >= most * NAMED_SHARE && word(one) == word(first));
        telling.truncate(NAMED_MAX);
        telling
    }
}

/// Twice the logarithm of how much better two shares explain `a` of `n` and `b` of `m` than one does; 0 where
/// the first share is not the larger. Items that the catalogue does not know make neither negative.
fn log_likelihood_ratio(a: f64, n: f64, b: f64, m: f64) -> f64 {
    let (b, m) = (b.max(0.0), m.max(b).max(0.0));
    if m == 0.0 || a * m <= b * n {
        return 0.0;
    }
    let likely = |k: f64, n: f64, share: f64| {
        let of = |count: f64, share: f64| if count == 0.0 { 0.0 } else { count * share.ln() };
        of(k, share) + of(n - k, 1.0 - share)
    };
    let both = (a + b) / (n + m);
    2.0 * (likely(a, n, a / n) + likely(b, m, b / m) - likely(a, n, both) - likely(b, m, both))
}

/// The words of a text that may mean something.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| {
        let letters = word.chars().any(char::is_alphabetic);
        letters
            && word.chars().count() >= WORD_CHARS_MIN
            && EMPTY_WORDS.binary_search(&word.to_lowercase().as_str()).is_err()
    })
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `A`, `A and B`, `A, B and C`.
fn joined(texts: &[&str]) -> String {
    match texts {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use domain::event::Record;

    use super::*;

    fn columns() -> Columns {
        Columns {
            name: "TITLE".into(),
            categorical: vec!["GENRES".into()],
            textual: vec!["DESCRIPTION".into()],
        }
    }

    fn catalogue(rows: &[(String, String, &str, &str)]) -> Themes {
        let mut data = Descriptions::new("ITEM_ID", columns().all());
        for (id, title, genres, description) in rows {
            let cells = [("TITLE", title.as_str()), ("GENRES", genres), ("DESCRIPTION", description)];
            let columns = cells.map(|(name, cell)| (name.to_owned(), cell.to_owned()));
            data.push_record(&Record { id: id.clone(), columns: columns.into_iter().collect() });
        }
        Themes::of(&data, &columns())
    }

    /// Forty westerns, of which half are comedies about a train; eighty others; and one without anything.
    fn films() -> Themes {
        let mut rows = vec![];
        for n in 0..120 {
            let id = format!("i{n}");
            rows.push(match n {
                0..20 => (id, "The Great Robbery".into(), "Western|Comedy", "Robbers on a train: the train."),
                20..40 => (id, format!("Dust{n}"), "Western", ""),
                _ => (
                    id,
                    format!("Film{n}"),
                    if n % 8 == 0 { "Comedy" } else { "Drama|Romance" },
                    "They talk.",
                ),
            });
        }
        rows.push(("bare".into(), String::new(), "", ""));
        catalogue(&rows)
    }

    fn ids(numbers: impl Iterator<Item = usize>) -> Vec<String> {
        numbers.map(|n| format!("i{n}")).collect()
    }

    #[test]
    fn a_theme_names_what_the_list_has_and_the_catalogue_has_not() {
        let films = films();
        let theme = films.theme("i21", &ids(22..32));
        assert_eq!(theme.name, "Western");
        assert!(theme.relevance.iter().all(|&relevance| relevance == 1.0), "{theme:?}");
        // The planted outsider carries nothing of it, and a bare or unknown item neither.
        let mut items = ids(22..31);
        items.extend(["i50", "bare", "unheard of"].map(str::to_owned));
        let planted = films.theme("i21", &items);
        assert_eq!(planted.name, "Western");
        assert_eq!(planted.relevance[9..], [0.0, 0.0, 0.0]);
        assert!(planted.relevance[..9].iter().all(|&relevance| relevance == 1.0));
    }

    #[test]
    fn an_item_with_a_part_of_the_theme_is_between() {
        let mut items = ids(0..10);
        items.push("i30".into());
        let theme = films().theme("i11", &items);
        let last = *theme.relevance.last().unwrap();
        assert_eq!(theme.name, "Western and Comedy");
        assert!(0.0 < last && last < 1.0 && theme.relevance[0] == 1.0, "{theme:?}");
    }

    #[test]
    fn a_list_without_anything_in_common_is_named_after_its_item() {
        let films = films();
        for (of, items, name) in [
            ("i21", ids([3, 30, 40, 41].into_iter()), "Similar to Dust21"),
            ("bare", vec!["bare".to_owned()], "Similar to bare"),
            ("i0", vec![], "Similar to The Great Robbery"),
            ("unheard of", ids([3, 30, 40, 41].into_iter()), "Popular"),
            // The whole catalogue has what the catalogue has.
            ("i0", ids(0..120), "Similar to The Great Robbery"),
        ] {
            let theme = films.theme(of, &items);
            assert_eq!(theme.name, name);
            assert!(theme.relevance.len() == items.len() && theme.relevance.iter().all(|&r| r == 0.0));
        }
    }

    #[test]
    fn words_that_say_nothing_are_passed_over() {
        assert!(EMPTY_WORDS.is_sorted());
        let found: Vec<&str> = words("The Robbers, who've 2 1984 of 7up IT über-Zug").collect();
        assert_eq!(found, ["Robbers", "7up", "über", "Zug"]);
    }

    #[test]
    fn the_ratio_is_that_of_a_table_and_never_below_zero() {
        // Dunning's G² of the table 10, 10 | 20, 960 by hand.
        assert!((log_likelihood_ratio(10.0, 20.0, 20.0, 980.0) - 46.497).abs() < 1e-3);
        assert_eq!(log_likelihood_ratio(1.0, 20.0, 400.0, 980.0), 0.0);
        for a in 0..6 {
            for b in 0..6 {
                let ratio = log_likelihood_ratio(f64::from(a), 5.0, f64::from(b), 5.0);
                assert!(ratio.is_finite() && ratio >= 0.0, "{a} {b}: {ratio}");
            }
        }
    }
}
