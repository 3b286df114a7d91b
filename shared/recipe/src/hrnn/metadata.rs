//! Columns of metadata as rows of embeddings: which rows stand for a cell, and how much each counts.
//!
//! A category has a row of its own when it is seen [`SEEN_MIN`] times or more; rarer ones share a row. A
//! cell with several categories (`Drama|Comedy`) is the mean of their rows. A number lies between two of
//! up to [`KNOTS_MAX`] knots, quantiles of the column, and takes a share of both their rows, so that its
//! effect is a line with bends. A missing value has a row too.

use std::collections::{BTreeMap, HashMap};

use dataset::{About, Cells, Column};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use training::windows::HostBags;

/// How often a category is seen to have a row of its own.
pub const SEEN_MIN: usize = 3;
/// Most knots of a numeric column.
pub const KNOTS_MAX: usize = 16;

/// Parts the categories of a cell.
const SEPARATOR: char = '|';
const MISSING: u32 = 0;
const OTHER: u32 = 1;

/// What a column's cells turn into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// How its cells are read.
    pub kind: Kind,
}

/// How cells are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Rows: missing, rare, and one for each of these categories.
    Categories(Vec<String>),
    /// Rows: missing, and one for each of these ascending knots.
    Knots(Vec<f32>),
}

impl Field {
    /// Learns the categories or knots of a column from the rows that count.
    fn of(column: &Column, counts: impl Fn(usize) -> bool) -> Self {
        let kind = match &column.cells {
            Cells::Text { distinct, codes } => {
                let mut cells = vec![0usize; distinct.len()];
                for (_, &code) in codes.iter().enumerate().filter(|(row, _)| counts(*row)) {
                    if let Some(count) = cells.get_mut(code as usize) {
                        *count += 1;
                    }
                }
                let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
                for (cell, count) in distinct.iter().zip(cells) {
                    categories(cell).for_each(|category| *seen.entry(category).or_default() += count);
                }
                let frequent = seen.into_iter().filter(|(_, count)| *count >= SEEN_MIN);
                Kind::Categories(frequent.map(|(category, _)| category.to_owned()).collect())
            }
            Cells::Number(values) => {
                let counted = values.iter().enumerate().filter(|(row, _)| counts(*row));
                Kind::Knots(knots(counted.map(|(_, &value)| value)))
            }
        };
        Self { name: column.name.clone(), kind }
    }

    fn rows(&self) -> usize {
        match &self.kind {
            Kind::Categories(values) => values.len() + 2,
            Kind::Knots(knots) => knots.len() + 1,
        }
    }

    /// The rows of a cell, and how much each counts.
    fn text(&self, cell: Option<&str>) -> Vec<(u32, f32)> {
        let Some(cell) = cell.filter(|cell| categories(cell).next().is_some()) else {
            return vec![(MISSING, 1.0)];
        };
        match &self.kind {
            Kind::Categories(values) => {
                let share = 1.0 / categories(cell).count() as f32;
                let row = |category: &str| match values.binary_search_by(|value| value.as_str().cmp(category))
                {
                    Ok(at) => at as u32 + 2,
                    Err(_) => OTHER,
                };
                categories(cell).map(|category| (row(category), share)).collect()
            }
            Kind::Knots(_) => self.number(cell.trim().parse().unwrap_or(f32::NAN)),
        }
    }

    fn number(&self, value: f32) -> Vec<(u32, f32)> {
        let Kind::Knots(knots) = &self.kind else { return self.text(Some(&value.to_string())) };
        if value.is_nan() || knots.is_empty() {
            return vec![(MISSING, 1.0)];
        }
        let above = knots.partition_point(|&knot| knot <= value);
        if above == 0 || above == knots.len() {
            return vec![(above.max(1) as u32, 1.0)];
        }
        let (low, high) = (knots[above - 1], knots[above]);
        let share = (value - low) / (high - low);
        vec![(above as u32, 1.0 - share), (above as u32 + 1, share)]
    }
}

fn categories(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(SEPARATOR).map(str::trim).filter(|category| !category.is_empty())
}

/// Distinct quantiles of the values, ascending.
fn knots(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return vec![] };
    let mut knots: Vec<f32> = (0..KNOTS_MAX).map(|i| sorted[i * last / (KNOTS_MAX - 1)]).collect();
    knots.dedup();
    knots
}

/// The fields of one kind of rows: items, users or events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub Vec<Field>);

impl Fields {
    /// Learns all columns from the rows that count.
    pub fn of(columns: &[Column], counts: impl Fn(usize) -> bool) -> Self {
        Self(columns.iter().map(|column| Field::of(column, &counts)).collect())
    }

    /// Rows of all fields.
    pub fn rows(&self) -> usize {
        self.0.iter().map(Field::rows).sum()
    }

    /// For each field its first row.
    fn firsts(&self) -> impl Iterator<Item = (&Field, u32)> {
        self.0.iter().scan(0, |next, field| {
            let first = *next;
            *next += field.rows() as u32;
            Some((field, first))
        })
    }

    /// Reads the cells of columns with the same names; a field without a column is left out.
    pub fn reader<'a>(&'a self, columns: &'a [Column]) -> Reader<'a> {
        let of = |(field, first): (&'a Field, u32)| {
            let column = columns.iter().find(|column| column.name == field.name)?;
            let texts = match &column.cells {
                Cells::Text { distinct, .. } => distinct.iter().map(|cell| field.text(Some(cell))).collect(),
                Cells::Number(_) => vec![],
            };
            Some(ReadField { field, first, column, texts, missing: field.text(None) })
        };
        Reader(self.firsts().filter_map(of).collect())
    }

    /// The rows of values that are given by name. Names that are no field are ignored, and a field that
    /// is not named adds nothing.
    pub fn named(&self, values: &BTreeMap<String, String>) -> Vec<(u32, f32)> {
        let of = |(field, first): (&Field, u32)| {
            let cell = values.get(&field.name)?;
            Some(field.text(Some(cell)).into_iter().map(move |(row, scale)| (first + row, scale)))
        };
        self.firsts().filter_map(of).flatten().collect()
    }
}

/// Columns as their fields read them.
pub struct Reader<'a>(Vec<ReadField<'a>>);

struct ReadField<'a> {
    field: &'a Field,
    first: u32,
    column: &'a Column,
    texts: Vec<Vec<(u32, f32)>>,
    missing: Vec<(u32, f32)>,
}

impl Reader<'_> {
    /// Adds the rows of one row of the columns, counted from `base`, to an open bag.
    pub fn add(&self, row: usize, base: u32, to: &mut HostBags) {
        self.each(row, |row, scale| to.extend([(base + row, scale)]));
    }

    /// Calls `take` with each row and how much it counts.
    pub fn each(&self, row: usize, mut take: impl FnMut(u32, f32)) {
        for ReadField { field, first, column, texts, missing } in &self.0 {
            let of_number;
            let entries = match &column.cells {
                Cells::Text { codes, .. } => texts.get(codes[row] as usize).unwrap_or(missing),
                Cells::Number(values) => {
                    of_number = field.number(values[row]);
                    &of_number
                }
            };
            entries.iter().for_each(|&(row, scale)| take(first + row, scale));
        }
    }
}

/// What a trained model knows of metadata: fields, and their rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    /// Columns of items.
    pub items: Fields,
    /// Rows of `items`, which the model's vectors of items hold already; a training that goes on needs them.
    pub item_rows: Array2<f32>,
    /// Columns of users.
    pub users: Fields,
    /// Columns of interactions.
    pub events: Fields,
    /// Rows of `users`, added to a user's query.
    pub user_rows: Array2<f32>,
    /// Rows of `events`, added to the input of an event that happened.
    pub event_rows: Array2<f32>,
    /// Rows of `events`, added to the query for an event that is asked for.
    pub request_rows: Array2<f32>,
}

/// Readers of the columns behind many histories: made once for each set of columns.
pub(super) struct Readers<'a> {
    sides: &'a Sides,
    events: HashMap<*const Column, Reader<'a>>,
    users: HashMap<*const Column, Reader<'a>>,
}

impl<'a> Readers<'a> {
    /// For all histories that will be asked for.
    pub fn new(sides: &'a Sides, histories: impl Iterator<Item = About<'a>>) -> Self {
        let mut readers = Self { sides, events: HashMap::new(), users: HashMap::new() };
        for about in histories {
            if let Some((columns, _)) = about.events {
                readers.events.entry(columns.as_ptr()).or_insert_with(|| sides.events.reader(columns));
            }
            if let Some((columns, _)) = about.user {
                readers.users.entry(columns.as_ptr()).or_insert_with(|| sides.users.reader(columns));
            }
        }
        readers
    }

    /// Adds what is known of the nth event of a history to its input.
    pub fn add_event(&self, about: &About<'_>, n: usize, x: &mut [f32]) {
        let Some((columns, first)) = about.events else { return };
        let Some(reader) = self.events.get(&columns.as_ptr()) else { return };
        reader.each(first + n, |row, scale| add(x, &self.sides.event_rows, row, scale));
    }

    /// Adds what is known of the user and of the request to a query; says whether anything is.
    pub fn add_query(&self, about: &About<'_>, q: &mut [f32]) -> bool {
        let mut any = false;
        if let Some((columns, row)) = about.user
            && let Some(reader) = self.users.get(&columns.as_ptr())
        {
            any = true;
            reader.each(row, |row, scale| add(q, &self.sides.user_rows, row, scale));
        }
        if let Some(values) = about.request {
            for (row, scale) in self.sides.events.named(values) {
                any = true;
                add(q, &self.sides.request_rows, row, scale);
            }
        }
        any
    }
}

fn add(to: &mut [f32], rows: &Array2<f32>, row: u32, scale: f32) {
    for (to, &value) in to.iter_mut().zip(rows.row(row as usize)) {
        *to += scale * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cells: &[&str]) -> Column {
        let distinct = cells.iter().map(|&cell| cell.into()).collect();
        Column {
            name: "GENRES".into(),
            cells: Cells::Text { distinct, codes: (0..cells.len() as u32).collect() },
        }
    }

    #[test]
    fn several_categories_are_a_mean_and_rare_ones_share_a_row() {
        let column = text(&["Drama|Comedy", "Drama", "Drama|War", "Comedy", " Comedy | Drama ", ""]);
        let field = Field::of(&column, |_| true);
        assert_eq!(field.kind, Kind::Categories(vec!["Comedy".into(), "Drama".into()]));
        for (cell, rows) in [
            (Some("Drama"), vec![(3, 1.0)]),
            (Some("Comedy|Drama"), vec![(2, 0.5), (3, 0.5)]),
            (Some("War"), vec![(OTHER, 1.0)]),
            (Some(""), vec![(MISSING, 1.0)]),
            (None, vec![(MISSING, 1.0)]),
        ] {
            assert_eq!(field.text(cell), rows, "{cell:?}");
        }
    }

    #[test]
    fn numbers_lie_between_knots() {
        let column = Column { name: "YEAR".into(), cells: Cells::Number(vec![1990.0, 2000.0, f32::NAN]) };
        let field = Field::of(&column, |_| true);
        assert_eq!(field.kind, Kind::Knots(vec![1990.0, 2000.0]));
        for (value, rows) in [
            (1990.0, vec![(1, 1.0), (2, 0.0)]),
            (1995.0, vec![(1, 0.5), (2, 0.5)]),
            (2000.0, vec![(2, 1.0)]),
            (1900.0, vec![(1, 1.0)]),
            (2050.0, vec![(2, 1.0)]),
            (f32::NAN, vec![(MISSING, 1.0)]),
        ] {
            assert_eq!(field.number(value), rows, "{value}");
        }
        let fields = Fields(vec![Field::of(&text(&["a"; 3]), |_| true), field]);
        let values = BTreeMap::from([("YEAR".to_owned(), "1995".to_owned()), ("MOOD".into(), "x".into())]);
        assert_eq!(fields.named(&values), [(4, 0.5), (5, 0.5)]);
    }
}
