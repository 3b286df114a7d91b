//! An expression back to text, in one spelling; and as a tree for people.

use std::fmt::{self, Write};

use serde_json::{Value as Json, json};

use crate::ast::{Atom, Condition, Effect, Expression, Number, Part, Target, Test, Value};

/// Reading what is written here gives the same expression.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.parts, " | ")
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} WHERE ", self.effect.as_str(), self.target.as_str())?;
        for (i, all) in self.any_of.iter().enumerate() {
            f.write_str(if i > 0 { " OR " } else { "" })?;
            joined(f, all, " AND ")?;
        }
        if self.only_if.is_empty() {
            return Ok(());
        }
        f.write_str(" IF ")?;
        joined(f, &self.only_if, " AND ")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyEvent => f.write_str("IN (\"*\")"),
            Self::In { negated, values } => {
                f.write_str(if *negated { "NOT IN (" } else { "IN (" })?;
                joined(f, values, ", ")?;
                f.write_char(')')
            }
            Self::Compare { op, value } => write!(f, "{} {value}", op.as_str()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.atom {
            Atom::Text(text) => {
                f.write_char('"')?;
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        f.write_char('\\')?;
                    }
                    f.write_char(c)?;
                }
                f.write_char('"')
            }
            Atom::Number(number) => number.fmt(f),
            Atom::Parameter(name) => write!(f, "${name}"),
            Atom::CurrentItem(name) => write!(f, "CurrentItem.{name}"),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => write!(f, "{whole}"),
            // With a point or an exponent, so that it is read as no whole number.
            Self::Real(real) => write!(f, "{real:?}"),
        }
    }
}

impl Effect {
    /// As expressions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Include => "INCLUDE",
            Self::Exclude => "EXCLUDE",
        }
    }
}

impl Target {
    /// As expressions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Item => "ItemID",
            Self::User => "UserID",
            Self::Action => "ActionID",
        }
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, all: &[T], between: &str) -> fmt::Result {
    for (i, one) in all.iter().enumerate() {
        f.write_str(if i > 0 { between } else { "" })?;
        one.fmt(f)?;
    }
    Ok(())
}

impl Expression {
    /// The parse tree as indented lines.
    pub fn tree(&self) -> String {
        let mut tree = String::new();
        let mut line = |depth: usize, text: String| {
            tree.extend(std::iter::repeat_n("  ", depth));
            tree.push_str(&text);
            tree.push('\n');
        };
        for part in &self.parts {
            line(0, format!("{} {}", part.effect.as_str(), part.target.as_str()));
            let several = part.any_of.len() > 1;
            line(1, if several { "WHERE any of".into() } else { "WHERE all of".into() });
            for all in &part.any_of {
                if several {
                    line(2, "all of".into());
                }
                for condition in all {
                    line(2 + usize::from(several), condition.to_string());
                }
            }
            if !part.only_if.is_empty() {
                line(1, "IF all of".into());
                part.only_if.iter().for_each(|condition| line(2, condition.to_string()));
            }
        }
        tree
    }

    /// The parse tree as JSON.
    pub fn to_json(&self) -> Json {
        let texts = |all: &[Condition]| all.iter().map(Condition::to_string).collect::<Vec<_>>();
        let part = |part: &Part| {
            json!({
                "effect": part.effect.as_str(),
                "target": part.target.as_str(),
                "whereAnyOfAllOf": part.any_of.iter().map(|all| texts(all)).collect::<Vec<_>>(),
                "ifAllOf": texts(&part.only_if),
            })
        };
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_shows_what_binds_how() {
        let read = Expression::parse(
            "exclude itemid where items.a in (\"x\",$Y) or Items.B>=2.0 and Items.C != 3 if currentuser.D = 1 | INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (*)",
        )
        .unwrap();
        let expected = "\
EXCLUDE ItemID
  WHERE any of
    all of
      Items.a IN (\"x\", $Y)
    all of
      Items.B >= 2.0
      Items.C != 3
  IF all of
    CurrentUser.D = 1
INCLUDE ItemID
  WHERE all of
    Interactions.EVENT_TYPE IN (\"*\")
";
        assert_eq!(read.tree(), expected);
        assert_eq!(read.to_json()[0]["whereAnyOfAllOf"][1][0], "Items.B >= 2.0");
        assert_eq!(
            read.to_string(),
            "EXCLUDE ItemID WHERE Items.a IN (\"x\", $Y) OR Items.B >= 2.0 AND Items.C != 3 IF CurrentUser.D = 1 | \
             INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")"
        );
    }
}
