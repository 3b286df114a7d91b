//! What an expression says.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Where something stands in the text, in characters from 1. Equal to every other position: two
/// expressions are the same when they say the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct At(pub usize);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A whole filter: parts that are joined with `|`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// At least one; all of the same target.
    pub parts: Vec<Part>,
}

/// What a part does with those it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// They stay, and nothing else.
    Include,
    /// They go.
    Exclude,
}

/// What is filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Items, in recommendations.
    Item,
    /// Users, in segments.
    User,
    /// Actions, in recommendations of actions.
    Action,
}

/// One expression between bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Include or exclude.
    pub effect: Effect,
    /// Of what.
    pub target: Target,
    /// Alternatives (`OR`), each of conditions that must all hold (`AND`). All of one dataset.
    pub any_of: Vec<Vec<Condition>>,
    /// The part counts only if all of these hold; empty without `IF`.
    pub only_if: Vec<Condition>,
}

/// A column and what it is tested for.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The column.
    pub field: Field,
    /// The test.
    pub test: Test,
}

/// The dataset of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// What the requesting user did with the item, or the user with any item.
    Interactions,
    /// The item.
    Items,
    /// The user, where users are filtered.
    Users,
    /// The requesting user.
    CurrentUser,
    /// The action.
    Actions,
    /// What the requesting user did with the action.
    ActionInteractions,
}

/// `Items.GENRES`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Before the dot.
    pub source: Source,
    /// After the dot, as it was written.
    pub name: String,
    /// Where it begins.
    pub at: At,
}

impl Field {
    /// Whether it is the type of an event, the one column that is compared without case.
    pub fn is_event_type(&self) -> bool {
        matches!(self.source, Source::Interactions | Source::ActionInteractions)
            && self.name.eq_ignore_ascii_case("EVENT_TYPE")
    }
}

/// What a column is tested for.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `IN ("*")`: an event of any type, or of none.
    AnyEvent,
    /// `IN` and `NOT IN`.
    In {
        /// `NOT IN`.
        negated: bool,
        /// At least one.
        values: Vec<Value>,
    },
    /// Against one value.
    Compare {
        /// How.
        op: Op,
        /// With what.
        value: Value,
    },
}

impl Test {
    /// The values that stand in it.
    pub fn values(&self) -> &[Value] {
        match self {
            Self::AnyEvent => &[],
            Self::In { values, .. } => values,
            Self::Compare { value, .. } => std::slice::from_ref(value),
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    /// All, the longer spellings first.
    pub const ALL: [Self; 6] =
        [Self::NotEqual, Self::LessOrEqual, Self::GreaterOrEqual, Self::Equal, Self::Less, Self::Greater];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether a left side that stands so to the right one passes.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The value.
    pub atom: Atom,
    /// Where it begins.
    pub at: At,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Atom {
    /// In double quotes.
    Text(String),
    /// Bare.
    Number(Number),
    /// `$NAME`, to be given with the request.
    Parameter(String),
    /// `CurrentItem.FIELD`: that column of the item of the request.
    CurrentItem(String),
}

/// A number that keeps whole numbers whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A 64-bit integer.
    Whole(i64),
    /// Anything else; finite.
    Real(f64),
}

impl Number {
    /// Reads a decimal number, with an exponent if need be.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        // Rust also reads words such as `inf`.
        if !text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
            return None;
        }
        text.parse().ok().filter(|real: &f64| real.is_finite()).map(Self::Real)
    }

    /// The nearest 64-bit number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    /// The nearest 32-bit number.
    pub fn as_f32(self) -> f32 {
        match self {
            Self::Whole(whole) => whole as f32,
            Self::Real(real) => real as f32,
        }
    }

    /// How a whole number stands to this one, without rounding either.
    pub fn order_of(self, whole: i64) -> Ordering {
        const END: f64 = 9_223_372_036_854_775_808.0; // 2^63
        match self {
            Self::Whole(own) => whole.cmp(&own),
            Self::Real(real) if real >= END => Ordering::Less,
            Self::Real(real) if real < -END => Ordering::Greater,
            Self::Real(real) => {
                let rest = 0.0f64.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal);
                whole.cmp(&(real.trunc() as i64)).then(rest)
            }
        }
    }
}

impl Expression {
    /// What it filters.
    pub fn target(&self) -> Target {
        self.parts[0].target
    }

    /// All conditions with the effect of their part, in the order of the text.
    pub fn conditions(&self) -> impl Iterator<Item = (Effect, &Condition)> {
        self.parts.iter().flat_map(|part| {
            let conditions = part.any_of.iter().flatten().chain(&part.only_if);
            conditions.map(|condition| (part.effect, condition))
        })
    }

    /// The parameters, and whether every request must give them: those of an INCLUDE.
    pub fn parameters(&self) -> Vec<(&str, bool)> {
        let mut parameters: Vec<(&str, bool)> = vec![];
        for (effect, condition) in self.conditions() {
            for value in condition.test.values() {
                let Atom::Parameter(name) = &value.atom else { continue };
                let required = effect == Effect::Include;
                match parameters.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known |= required,
                    None => parameters.push((name, required)),
                }
            }
        }
        parameters
    }

    /// The distinct columns that it reads, in upper case. `CurrentUser` reads columns of Users,
    /// `CurrentItem` those of Items.
    pub fn fields(&self) -> BTreeSet<(Source, String)> {
        let mut fields = BTreeSet::new();
        for (_, condition) in self.conditions() {
            let source = match condition.field.source {
                Source::CurrentUser => Source::Users,
                source => source,
            };
            fields.insert((source, condition.field.name.to_ascii_uppercase()));
            for value in condition.test.values() {
                if let Atom::CurrentItem(name) = &value.atom {
                    fields.insert((Source::Items, name.to_ascii_uppercase()));
                }
            }
        }
        fields
    }

    /// Whether it reads a column of this dataset.
    pub fn reads(&self, source: Source) -> bool {
        self.conditions().any(|(_, condition)| condition.field.source == source)
    }

    /// Whether the answer depends on the item of the request.
    pub fn reads_current_item(&self) -> bool {
        let current = |value: &Value| matches!(value.atom, Atom::CurrentItem(_));
        self.conditions().any(|(_, condition)| condition.test.values().iter().any(current))
    }
}

impl Source {
    /// As expressions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactions => "Interactions",
            Self::Items => "Items",
            Self::Users => "Users",
            Self::CurrentUser => "CurrentUser",
            Self::Actions => "Actions",
            Self::ActionInteractions => "Action_Interactions",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_compared_with_fractions_exactly() {
        let big = 9_007_199_254_740_993; // 2^53 + 1, which no 64-bit float is.
        assert_eq!(Number::Whole(big).order_of(big), Ordering::Equal);
        assert_eq!(Number::Real(9_007_199_254_740_992.0).order_of(big), Ordering::Greater);
        assert_eq!(Number::Real(2.5).order_of(2), Ordering::Less);
        assert_eq!(Number::Real(2.5).order_of(3), Ordering::Greater);
        assert_eq!(Number::Real(-2.5).order_of(-2), Ordering::Greater);
        assert_eq!(Number::Real(-2.5).order_of(-3), Ordering::Less);
        assert_eq!(Number::Real(1e300).order_of(i64::MAX), Ordering::Less);
        assert_eq!(Number::Real(-1e300).order_of(i64::MIN), Ordering::Greater);
    }

    #[test]
    fn numbers_are_decimal() {
        assert_eq!(Number::parse("-12"), Some(Number::Whole(-12)));
        assert_eq!(Number::parse("1e-7"), Some(Number::Real(1e-7)));
        for text in ["", "inf", "NaN", "0x10", "1_000", "1e999", "-", "1,5"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
