//! Whether an expression fits the data: columns, types.
//!
//! Where the guide says nothing: `=` and `!=` compare texts too, as IN and NOT IN of one value; IN and NOT
//! IN take numbers for columns of numbers; a number in quotes is a number where the column is one;
//! `Interactions.EVENT_TYPE` can be tested though the schema has no such column, because events always have
//! a type and imported rows then count as interactions of no type.

use dataset::Schema;
use dataset::schema::{Field as Column, FieldType};

use crate::ast::{Atom, Condition, Expression, Field, Number, Op, Source, Test, Value};
use crate::error::ExpressionError;

/// The datasets of a group, as far as there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schemas<'a> {
    /// Interactions.
    pub interactions: Option<&'a Schema>,
    /// Items.
    pub items: Option<&'a Schema>,
    /// Users.
    pub users: Option<&'a Schema>,
    /// Actions.
    pub actions: Option<&'a Schema>,
    /// Action_Interactions.
    pub action_interactions: Option<&'a Schema>,
}

/// What the values of a column are, as far as tests differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
}

/// A column that a test may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// As the schema spells it.
    pub name: &'a str,
    pub kind: Kind,
}

impl<'a> Schemas<'a> {
    /// The column of a field.
    pub(crate) fn find(&self, source: Source, name: &str, at: usize) -> Result<Found<'a>, ExpressionError> {
        let (dataset, schema) = match source {
            Source::Interactions => (source, self.interactions),
            Source::Items => (source, self.items),
            Source::Users | Source::CurrentUser => (Source::Users, self.users),
            Source::Actions => (source, self.actions),
            Source::ActionInteractions => (source, self.action_interactions),
        };
        let (said, dataset) = (source.as_str(), dataset.as_str());
        let schema = schema.ok_or_else(|| {
            let problem =
                format!("{said}.{name} needs the dataset {dataset}, which the dataset group has not");
            ExpressionError::new(at, problem)
        })?;
        let in_any_case = || schema.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        match schema.field(name).or_else(in_any_case) {
            Some(column) => found(source, column, at),
            None if source == Source::Interactions && name.eq_ignore_ascii_case("EVENT_TYPE") => {
                Ok(Found { name: "EVENT_TYPE", kind: Kind::Text })
            }
            None => {
                let columns: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
                let problem = format!(
                    "{said}.{name} is no column of the {dataset} dataset, which has {}",
                    columns.join(", ")
                );
                Err(ExpressionError::new(at, problem))
            }
        }
    }
}

fn found(source: Source, column: &Column, at: usize) -> Result<Found<'_>, ExpressionError> {
    let refuse =
        |why: &str| Err(ExpressionError::new(at, format!("{}.{} {why}", source.as_str(), column.name)));
    match column.kind {
        FieldType::Boolean => refuse(
            "is boolean, which filters cannot test: keep it as a string \"True\" or \"False\", or as 0 or 1",
        ),
        FieldType::String if column.textual => {
            refuse("is free text (\"textual\": true), which filters cannot test")
        }
        FieldType::String => Ok(Found { name: &column.name, kind: Kind::Text }),
        _ => Ok(Found { name: &column.name, kind: Kind::Number }),
    }
}

/// Checks that every column exists and can be tested so.
///
/// Fails with the place of the first that cannot.
pub fn check(expression: &Expression, schemas: &Schemas<'_>) -> Result<(), ExpressionError> {
    for (_, condition) in expression.conditions() {
        checked(condition, schemas)?;
    }
    Ok(())
}

/// The column of a condition that fits its test.
pub(crate) fn checked<'a>(
    condition: &Condition,
    schemas: &Schemas<'a>,
) -> Result<Found<'a>, ExpressionError> {
    let field = &condition.field;
    let column = schemas.find(field.source, &field.name, field.at.0)?;
    if let Test::Compare { op, .. } = &condition.test
        && column.kind == Kind::Text
        && !matches!(op, Op::Equal | Op::NotEqual)
    {
        let problem = format!("{field} is a string; '{}' compares numbers, use IN or NOT IN", op.as_str());
        return Err(ExpressionError::new(field.at.0, problem));
    }
    for value in condition.test.values() {
        fits(value, field, column.kind, schemas)?;
    }
    Ok(column)
}

fn fits(value: &Value, field: &Field, kind: Kind, schemas: &Schemas<'_>) -> Result<(), ExpressionError> {
    let problem = match (&value.atom, kind) {
        (Atom::Text(_), Kind::Text) | (Atom::Number(_), Kind::Number) | (Atom::Parameter(_), _) => {
            return Ok(());
        }
        (Atom::Text(text), Kind::Number) => match Number::parse(text) {
            Some(_) => return Ok(()),
            None => format!("{field} is a number, \"{text}\" is none"),
        },
        (Atom::Number(number), Kind::Text) => {
            format!("{field} is a string: write \"{number}\" in double quotes")
        }
        (Atom::CurrentItem(name), kind) => {
            if schemas.find(Source::Items, name, value.at.0)?.kind == kind {
                return Ok(());
            }
            format!("{field} and CurrentItem.{name} are of different types")
        }
    };
    Err(ExpressionError::new(value.at.0, problem))
}
