//! Which items pass.
//!
//! Where the guide says nothing:
//!
//! - A null passes no test, not even `!=` and `NOT IN`. So does every column of an item without a row.
//! - `INCLUDE … IF` and `EXCLUDE … IF` count only where the IF holds; if no INCLUDE counts, everything that
//!   is not excluded passes.
//! - A condition of an EXCLUDE whose parameter was not given matches nothing; other alternatives behind OR
//!   still do.
//! - Conditions of Interactions that are joined with AND are about one and the same interaction. Tests that
//!   a user had none do not exist; EXCLUDE says that.
//! - `*` given as the value of a parameter for EVENT_TYPE stands for any type, as it does in the expression.
//! - Numbers are compared as their column keeps them: with whole ones exactly, with 32-bit ones after the
//!   other side was rounded to 32 bits, so that `= 4.1` finds 4.1.

use hashbrown::HashMap;

use crate::ast::{Atom, Condition, Effect, Expression, Number, Op, Source, Target, Test};
use crate::bits::Bits;
use crate::catalogue::{Catalogue, Cell, Cells};
use crate::check::{Kind, Schemas, checked};
use crate::error::RequestError;
use crate::events::UserEvent;
use crate::values::Values;

/// Everything that decides which items pass.
#[derive(Clone, Copy, Debug)]
pub struct Question<'c, 'q> {
    /// The columns of the datasets.
    pub schemas: Schemas<'q>,
    /// All items.
    pub items: &'c Catalogue,
    /// All users, for `CurrentUser`.
    pub users: &'q Catalogue,
    /// The user of the request.
    pub user: Option<&'q str>,
    /// The item of the request, for `CurrentItem`.
    pub item: Option<&'q str>,
    /// The latest interactions of the user; see [`crate::events::latest`].
    pub events: &'q [UserEvent],
    /// Values of parameters.
    pub values: &'q Values,
}

/// Who passes.
#[derive(Clone, Debug)]
pub struct Passing<'c> {
    catalogue: &'c Catalogue,
    /// Ids of interactions that the catalogue does not know.
    others: HashMap<Box<str>, usize>,
    /// The rows of the catalogue, those of `others`, and one for whatever nobody has heard of.
    bits: Bits,
}

impl Passing<'_> {
    /// Whether a row of the catalogue passes.
    pub fn has(&self, row: u32) -> bool {
        (row as usize) < self.catalogue.len() && self.bits.has(row as usize)
    }

    /// Whether an id passes, known or not.
    pub fn has_id(&self, id: &str) -> bool {
        let row = match self.catalogue.number(id) {
            Some(row) => row as usize,
            None => self.others.get(id).copied().unwrap_or(self.bits.len() - 1),
        };
        self.bits.has(row)
    }

    /// How many rows of the catalogue pass.
    pub fn count(&self) -> usize {
        self.bits.rows().take_while(|&row| row < self.catalogue.len()).count()
    }

    /// A bit for each row of the catalogue: row 64·w + b is bit b of word w. Bits behind the last row mean
    /// nothing.
    pub fn words(&self) -> &[u64] {
        self.bits.words()
    }

    /// The ids of the catalogue that pass.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let rows = self.bits.rows().take_while(|&row| row < self.catalogue.len());
        rows.map(|row| self.catalogue.id(row as u32))
    }
}

/// Applies a filter of items.
///
/// Fails when the expression does not fit the data, or a value its column.
pub fn passing<'c>(
    expression: &Expression,
    question: &Question<'c, '_>,
) -> Result<Passing<'c>, RequestError> {
    is_for(expression, Target::Item, "recommendations of items")?;
    found(expression, question)
}

/// Applies a filter of actions: `items` of the question are the actions, and `events` what the user did with
/// them.
///
/// Fails as [`passing`] does.
pub fn passing_actions<'c>(
    expression: &Expression,
    question: &Question<'c, '_>,
) -> Result<Passing<'c>, RequestError> {
    is_for(expression, Target::Action, "recommendations of actions")?;
    found(expression, question)
}

fn is_for(expression: &Expression, needed: Target, what: &str) -> Result<(), RequestError> {
    let (is, needs) = (expression.target(), needed.as_str());
    if is == needed {
        return Ok(());
    }
    let made_for = match is {
        Target::Item => "recommendations",
        Target::User => "user segments",
        Target::Action => "recommendations of actions",
    };
    let is = is.as_str();
    Err(RequestError::Values(format!(
        "The filter is one of {is}, for {made_for}; {what} need one of {needs}."
    )))
}

fn found<'c>(expression: &Expression, question: &Question<'c, '_>) -> Result<Passing<'c>, RequestError> {
    let catalogue = question.items;
    let mut others: HashMap<Box<str>, usize> = HashMap::new();
    for event in question.events.iter().filter(|event| catalogue.number(&event.item).is_none()) {
        let next = catalogue.len() + others.len();
        others.entry(event.item.clone()).or_insert(next);
    }
    let len = catalogue.len() + others.len() + 1;
    let row = |id: &str| catalogue.number(id).map(|row| row as usize).or_else(|| others.get(id).copied());
    let bits = over(expression, question, len, |source, all| match source {
        Source::Interactions | Source::ActionInteractions => {
            let mut bits = Bits::none(len);
            for event in question.events.iter().filter(|event| all.iter().all(|test| test.event(event))) {
                row(&event.item).into_iter().for_each(|row| bits.add(row));
            }
            bits
        }
        _ => rows(catalogue, all, len),
    })?;
    Ok(Passing { catalogue, others, bits })
}

/// Applies a filter of users: columns of Users, and Interactions that mean "has such an interaction".
/// `events` gives the latest interactions of a user; see [`crate::events::latest`].
///
/// Fails as [`passing`] does.
pub fn passing_users<'c>(
    expression: &Expression,
    schemas: Schemas<'_>,
    users: &'c Catalogue,
    events: impl Fn(&str) -> Vec<UserEvent>,
    values: &Values,
) -> Result<Passing<'c>, RequestError> {
    is_for(expression, Target::User, "user segments")?;
    let question = Question { schemas, items: users, users, user: None, item: None, events: &[], values };
    let len = users.len() + 1;
    let bits = over(expression, &question, len, |source, all| match source {
        Source::Interactions => {
            let did = |event: &UserEvent| all.iter().all(|test| test.event(event));
            Bits::passing(len, users.len(), |row| events(users.id(row as u32)).iter().any(did))
        }
        _ => rows(users, all, len),
    })?;
    Ok(Passing { catalogue: users, others: HashMap::new(), bits })
}

/// Joins the parts: all includes together, less all excludes together, in any order.
fn over(
    expression: &Expression,
    question: &Question<'_, '_>,
    len: usize,
    matched: impl Fn(Source, &[Bound]) -> Bits,
) -> Result<Bits, RequestError> {
    let mut included: Option<Bits> = None;
    let mut excluded = Bits::none(len);
    for part in &expression.parts {
        // Everything is checked, whether it counts or not.
        let guard = bound(&part.only_if, question)?;
        let any_of = part.any_of.iter().map(|all| bound(all, question)).collect::<Result<Vec<_>, _>>()?;
        if !guard.iter().all(|test| test.user(question)) {
            continue;
        }
        let source = part.any_of[0][0].field.source;
        let mut matching = Bits::none(len);
        for all in &any_of {
            matching.join(&matched(source, all));
        }
        match part.effect {
            Effect::Exclude => excluded.join(&matching),
            Effect::Include => match &mut included {
                Some(included) => included.join(&matching),
                None => included = Some(matching),
            },
        }
    }
    let mut passing = included.unwrap_or_else(|| Bits::all(len));
    passing.remove(&excluded);
    Ok(passing)
}

/// The rows of a catalogue that pass all tests.
fn rows(catalogue: &Catalogue, all: &[Bound], len: usize) -> Bits {
    let mut passing = Bits::all(len);
    for test in all {
        passing.keep(&test.rows(catalogue, len));
    }
    passing
}

/// A condition with its values in hand.
struct Bound {
    column: String,
    want: Want,
}

enum Want {
    /// A value is missing.
    Nothing,
    /// An interaction, whatever its type.
    Anything,
    Texts {
        negated: bool,
        among: Vec<Box<str>>,
        any_case: bool,
    },
    Numbers {
        negated: bool,
        among: Vec<Number>,
    },
    Order {
        op: Op,
        than: Number,
    },
}

fn bound(conditions: &[Condition], question: &Question<'_, '_>) -> Result<Vec<Bound>, RequestError> {
    conditions.iter().map(|condition| bind(condition, question)).collect()
}

fn bind(condition: &Condition, question: &Question<'_, '_>) -> Result<Bound, RequestError> {
    let column = checked(condition, &question.schemas)?;
    Ok(Bound { column: column.name.to_owned(), want: wanted(condition, column.kind, question)? })
}

fn wanted(condition: &Condition, kind: Kind, question: &Question<'_, '_>) -> Result<Want, RequestError> {
    let (mut texts, mut numbers): (Vec<Box<str>>, Vec<Number>) = (vec![], vec![]);
    for value in condition.test.values() {
        match &value.atom {
            Atom::Text(text) => match (kind, Number::parse(text)) {
                (Kind::Text, _) => texts.push(text.as_str().into()),
                (Kind::Number, number) => numbers.extend(number),
            },
            Atom::Number(number) => numbers.push(*number),
            Atom::Parameter(name) => {
                let Some(given) = question.values.of(name) else { return Ok(Want::Nothing) };
                if matches!(condition.test, Test::Compare { .. }) && given.len() > 1 {
                    return Err(RequestError::Values(format!(
                        "'filterValues.{name}' has {} values; {condition} takes one.",
                        given.len()
                    )));
                }
                for text in given {
                    match kind {
                        Kind::Text => texts.push(text.as_str().into()),
                        Kind::Number => numbers.push(Number::parse(text).ok_or_else(|| {
                            RequestError::Values(format!(
                                "'filterValues.{name}' has '{text}', which is not a number; {} is one.",
                                condition.field
                            ))
                        })?),
                    }
                }
            }
            Atom::CurrentItem(name) => match current_item(question, name, value.at.0)? {
                // A text without a value is as good as none.
                Some(Cell::Texts(atoms)) if atoms.is_empty() => return Ok(Want::Nothing),
                Some(Cell::Texts(atoms)) => texts.extend(atoms),
                Some(Cell::Whole(whole)) => numbers.push(Number::Whole(whole)),
                Some(Cell::Single(real)) => numbers.push(Number::Real(real.into())),
                Some(Cell::Double(real)) => numbers.push(Number::Real(real)),
                None => return Ok(Want::Nothing),
            },
        }
    }
    let any_case = condition.field.is_event_type();
    let negated = match (&condition.test, kind) {
        (Test::AnyEvent, _) => return Ok(Want::Anything),
        (Test::Compare { op, .. }, Kind::Number) => {
            return Ok(numbers.first().map_or(Want::Nothing, |&than| Want::Order { op: *op, than }));
        }
        (Test::Compare { op, .. }, Kind::Text) => *op == Op::NotEqual,
        (Test::In { negated, .. }, _) => *negated,
    };
    Ok(match kind {
        Kind::Number => Want::Numbers { negated, among: numbers },
        Kind::Text if any_case && !negated && texts.iter().any(|text| **text == *"*") => Want::Anything,
        Kind::Text => Want::Texts { negated, among: texts, any_case },
    })
}

fn current_item(question: &Question<'_, '_>, name: &str, at: usize) -> Result<Option<Cell>, RequestError> {
    let column = question.schemas.find(Source::Items, name, at)?;
    let Some(item) = question.item else {
        return Err(RequestError::Values(
            "The filter tests CurrentItem, the item of a request for related items, and this request has no 'itemId'.".into(),
        ));
    };
    Ok(question.items.number(item).and_then(|row| question.items.cell(row, column.name)))
}

/// How a cell's number stands to another one.
trait Ordered: Copy {
    fn holds(self, op: Op, than: Number) -> bool;
}

impl Ordered for i64 {
    fn holds(self, op: Op, than: Number) -> bool {
        op.holds(than.order_of(self))
    }
}

impl Ordered for f32 {
    fn holds(self, op: Op, than: Number) -> bool {
        self.partial_cmp(&than.as_f32()).is_some_and(|order| op.holds(order))
    }
}

impl Ordered for f64 {
    fn holds(self, op: Op, than: Number) -> bool {
        self.partial_cmp(&than.as_f64()).is_some_and(|order| op.holds(order))
    }
}

impl Bound {
    fn number(&self, number: impl Ordered) -> bool {
        match &self.want {
            Want::Numbers { negated, among } => {
                among.iter().any(|&wanted| number.holds(Op::Equal, wanted)) != *negated
            }
            Want::Order { op, than } => number.holds(*op, *than),
            Want::Nothing | Want::Anything | Want::Texts { .. } => false,
        }
    }

    fn texts(&self, own: &[Box<str>]) -> bool {
        let Want::Texts { negated, among, any_case } = &self.want else { return false };
        let equal = |a: &str, b: &str| if *any_case { a.to_lowercase() == b.to_lowercase() } else { a == b };
        !own.is_empty() && own.iter().any(|own| among.iter().any(|wanted| equal(own, wanted))) != *negated
    }

    fn cell(&self, cell: Option<Cell>) -> bool {
        match cell {
            None => false,
            Some(Cell::Texts(own)) => self.texts(&own),
            Some(Cell::Whole(number)) => self.number(number),
            Some(Cell::Single(number)) => !number.is_nan() && self.number(number),
            Some(Cell::Double(number)) => !number.is_nan() && self.number(number),
        }
    }

    /// Whether an interaction passes.
    fn event(&self, event: &UserEvent) -> bool {
        matches!(self.want, Want::Anything) || self.cell(event.cell(&self.column))
    }

    /// Whether the user of the request passes.
    fn user(&self, question: &Question<'_, '_>) -> bool {
        let row = question.user.and_then(|user| question.users.number(user));
        self.cell(row.and_then(|row| question.users.cell(row, &self.column)))
    }

    /// The rows of a catalogue that pass.
    fn rows(&self, catalogue: &Catalogue, len: usize) -> Bits {
        match (catalogue.cells(&self.column), &self.want) {
            (Some(Cells::Text(texts)), Want::Texts { negated, among, .. }) => {
                texts.among(among, *negated, len)
            }
            (Some(Cells::Whole { values, present }), _) => {
                Bits::passing(len, values.len(), |row| present.has(row) && self.number(values[row]))
            }
            (Some(Cells::Single(values)), _) => {
                Bits::passing(len, values.len(), |row| !values[row].is_nan() && self.number(values[row]))
            }
            (Some(Cells::Double(values)), _) => {
                Bits::passing(len, values.len(), |row| !values[row].is_nan() && self.number(values[row]))
            }
            _ => Bits::none(len),
        }
    }
}
