//! Training with metadata: where the rows lie, and which of them a step uses.
//!
//! The input table holds, one after another, the items' own rows, the rows of item columns, of user
//! columns, of columns of events that happened, and of the same columns of the event that is asked for.

use dataset::Interactions;
use ndarray::{Array2, s};
use training::features::ItemFeatures;
use training::random::share;
use training::windows::{NONE, Window};

use super::config::Config;
use super::metadata::{Fields, Reader, Sides};
use super::model::HrnnModel;

/// The metadata behind a training.
pub(super) struct Described<'a> {
    data: &'a Interactions,
    fields: &'a AllFields,
    users: Reader<'a>,
    events: Reader<'a>,
    /// What each item is made of.
    pub items: ItemFeatures,
}

/// The fields of all columns.
pub(super) struct AllFields {
    items: Fields,
    users: Fields,
    events: Fields,
}

impl AllFields {
    /// Learns the columns of the data; nothing where there is none. Users without a history and rows that
    /// belong to none are those of a whole that this is a part of: nothing is learnt from them.
    pub(super) fn of(data: &Interactions) -> Option<Self> {
        let metadata = &data.metadata;
        let with_history = |user: usize| !data.spans()[user].is_empty();
        let mut in_history =
            vec![false; if metadata.events.is_empty() { 0 } else { data.item_column().len() }];
        for span in data.spans() {
            if let Some(rows) = in_history.get_mut(span.start as usize..span.end as usize) {
                rows.fill(true);
            }
        }
        let fields = Self {
            items: Fields::of(&metadata.items, |_| true),
            users: Fields::of(&metadata.users, with_history),
            events: Fields::of(&metadata.events, |row| in_history[row]),
        };
        (fields.items.rows() + fields.users.rows() + fields.events.rows() > 0).then_some(fields)
    }

    /// Those that a model knows, for a training that goes on from it.
    pub(super) fn known(sides: &Sides) -> Self {
        let Sides { items, users, events, .. } = sides.clone();
        Self { items, users, events }
    }

    /// Rows in all: events have two sets.
    pub(super) fn rows(&self) -> usize {
        self.items.rows() + self.users.rows() + 2 * self.events.rows()
    }
}

impl<'a> Described<'a> {
    /// `counts` are the events of each item.
    pub(super) fn new(
        data: &'a Interactions,
        fields: &'a AllFields,
        config: &Config,
        counts: &[f64],
    ) -> Self {
        let first = data.items.len() as u32;
        let nobody = -(data.items.len().max(1) as f32).ln();
        let mut items = ItemFeatures { bias: nobody, ..ItemFeatures::default() };
        let reader = fields.items.reader(&data.metadata.items);
        for (item, &count) in counts.iter().enumerate() {
            if fields.items.rows() > 0 {
                reader.add(item, first, &mut items.bags);
            }
            items.bags.close();
            items.drop.push(match fields.items.rows() {
                0 => 0.0,
                _ => 1.0 - (1.0 - config.item_dropout) * trust(count, config),
            });
        }
        Self {
            users: fields.users.reader(&data.metadata.users),
            events: fields.events.reader(&data.metadata.events),
            data,
            fields,
            items,
        }
    }

    fn user_base(&self) -> u32 {
        (self.data.items.len() + self.fields.items.rows()) as u32
    }

    fn event_base(&self) -> u32 {
        self.user_base() + self.fields.users.rows() as u32
    }

    fn request_base(&self) -> u32 {
        self.event_base() + self.fields.events.rows() as u32
    }

    /// Names the rows of each event of the windows. `done` tells one step from another.
    pub(super) fn add_sides(&self, windows: &mut [Window], config: &Config, done: u64) {
        let (users, events) = (self.fields.users.rows() > 0, self.fields.events.rows() > 0);
        if !users && !events {
            return;
        }
        let seed = config.seed ^ 0x7265_7175_6573_7473 ^ done.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for window in windows {
            let Window { events: at, inputs, queries, .. } = window;
            inputs.clear();
            queries.clear();
            for &event in at.iter() {
                if event != NONE {
                    if users {
                        let user = self.data.spans().partition_point(|span| span.start <= event) - 1;
                        self.users.add(user, self.user_base(), queries);
                    }
                    if events {
                        self.events.add(event as usize, self.event_base(), inputs);
                        if share(seed, event) >= config.request_dropout {
                            self.events.add(event as usize + 1, self.request_base(), queries);
                        }
                    }
                }
                inputs.close();
                queries.close();
            }
        }
    }

    /// Puts the rows of a model into `table`, for a training that goes on from it with the same fields. The
    /// own rows of the items in `known` hold whole vectors, from which what metadata adds is taken.
    pub(super) fn go_on(&self, sides: &Sides, known: impl Fn(u32) -> bool, table: &mut [f32]) {
        let width = table.len() / (self.data.items.len() + self.fields.rows());
        let first = self.data.items.len();
        let all = [&sides.item_rows, &sides.user_rows, &sides.event_rows, &sides.request_rows];
        for (row, values) in all.into_iter().flat_map(|rows| rows.rows()).enumerate() {
            let to = &mut table[(first + row) * width..][..width];
            to.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
        }
        let (own, rows) = table.split_at_mut(first * width);
        for item in (0..first as u32).filter(|&item| known(item)) {
            let vector = &mut own[item as usize * width..][..width];
            for (row, scale) in self.items.bags.bag(item as usize) {
                let row = &rows[(row as usize - first) * width..][..width];
                vector.iter_mut().zip(row).for_each(|(to, &value)| *to -= scale * value);
            }
        }
    }

    /// Puts what was learnt about metadata into the model.
    pub(super) fn complete(self, model: &mut HrnnModel, table: &[f32], counts: &[f64], config: &Config) {
        let width = table.len() / (self.data.items.len() + self.fields.rows());
        let e = model.embedding();
        for (item, mut vector) in model.items.rows_mut().into_iter().enumerate() {
            // Half-trusted rows were left out in as many steps, so they count as much less.
            let own = if self.fields.items.rows() > 0 { trust(counts[item], config) } else { 1.0 };
            vector *= own;
            model.bias[item] = own * model.bias[item] + (1.0 - own) * (self.items.bias + config.cold_lift);
            for (row, scale) in self.items.bags.bag(item) {
                let row = &table[row as usize * width..][..e];
                vector.iter_mut().zip(row).for_each(|(to, &value)| *to += scale * value);
            }
        }
        let all = Array2::from_shape_fn((table.len() / width, e), |(row, j)| table[row * width + j]);
        let rows = |base: u32, fields: &Fields| {
            all.slice(s![base as usize..base as usize + fields.rows(), ..]).to_owned()
        };
        model.sides = Some(Sides {
            item_rows: rows(self.data.items.len() as u32, &self.fields.items),
            items: self.fields.items.clone(),
            user_rows: rows(self.user_base(), &self.fields.users),
            event_rows: rows(self.event_base(), &self.fields.events),
            request_rows: rows(self.request_base(), &self.fields.events),
            users: self.fields.users.clone(),
            events: self.fields.events.clone(),
        });
    }
}

/// How far an item's own row is trusted beside its metadata, from 0 without events to 1.
fn trust(count: f64, config: &Config) -> f32 {
    let count = count as f32;
    if count == 0.0 { 0.0 } else { count / (count + config.trusted_events) }
}
