//! Text to an expression, by recursive descent, and the rules that need no data.
//!
//! Keywords and datasets are read in any case, as samples write them. Where the guide says nothing: AND
//! binds before OR and there are no parentheses around conditions; a list holds up to as many values as fit
//! into the text; `"` within a text is written `\"`; `CurrentItem.FIELD` may stand with or without
//! parentheses behind IN.

use std::collections::BTreeSet;

use domain::limits::{FILTER_EXPRESSION_CHARS_MAX, FILTER_FIELDS_MAX, FILTER_PARAMETERS_MAX};

use crate::ast::{At, Atom, Condition, Effect, Expression, Field, Part, Source, Target, Test, Value};
use crate::error::ExpressionError;
use crate::lex::{Token, tokens};

/// Longest name of a parameter (botocore `FilterAttributeName`).
const PARAMETER_NAME_CHARS_MAX: usize = 50;

impl Expression {
    /// Reads an expression.
    ///
    /// Fails with the position of what is wrong and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let chars = text.chars().count();
        if chars > FILTER_EXPRESSION_CHARS_MAX {
            let problem = format!(
                "the expression has {chars} characters; at most {FILTER_EXPRESSION_CHARS_MAX} are allowed"
            );
            return Err(ExpressionError::new(FILTER_EXPRESSION_CHARS_MAX + 1, problem));
        }
        let mut parser = Parser { tokens: tokens(text)?, next: 0 };
        let expression = parser.expression()?;
        limits(&expression)?;
        Ok(expression)
    }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> (&Token, usize) {
        let (token, at) = &self.tokens[self.next];
        (token, *at)
    }

    fn advance(&mut self) -> (Token, usize) {
        let token = self.tokens[self.next].clone();
        // The end stays.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let (token, at) = self.peek();
        ExpressionError::new(at, format!("expected {expected}, found {}", token.shown()))
    }

    /// Takes the next word if it is this keyword.
    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek().0, Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        if found {
            self.advance();
        }
        found
    }

    fn token(&mut self, token: &Token) -> bool {
        let found = self.peek().0 == token;
        if found {
            self.advance();
        }
        found
    }

    fn expression(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts: Vec<Part> = vec![];
        loop {
            let (_, at) = self.peek();
            let part = self.part()?;
            if let Some(first) = parts.first()
                && first.target != part.target
            {
                return Err(ExpressionError::new(
                    at,
                    "all parts must filter the same, ItemID, UserID or ActionID",
                ));
            }
            parts.push(part);
            if self.token(&Token::Bar) {
                continue;
            }
            return match self.peek().0 {
                Token::End => Ok(Expression { parts }),
                _ => Err(self.unexpected("AND, OR, IF, '|' or the end")),
            };
        }
    }

    fn part(&mut self) -> Result<Part, ExpressionError> {
        let effect = match () {
            () if self.keyword("INCLUDE") => Effect::Include,
            () if self.keyword("EXCLUDE") => Effect::Exclude,
            () => return Err(self.unexpected("INCLUDE or EXCLUDE")),
        };
        let target = match () {
            () if self.keyword("ItemID") => Target::Item,
            () if self.keyword("UserID") => Target::User,
            () if self.keyword("ActionID") => Target::Action,
            () => return Err(self.unexpected("ItemID, UserID or ActionID")),
        };
        if !self.keyword("WHERE") {
            return Err(self.unexpected("WHERE"));
        }
        let first = self.condition(target)?;
        let dataset = first.field.source;
        let mut any_of = vec![vec![first]];
        loop {
            let alternative = match () {
                () if self.keyword("AND") => false,
                () if self.keyword("OR") => true,
                () => break,
            };
            let condition = self.condition(target)?;
            if condition.field.source != dataset {
                let problem = format!(
                    "{} follows {}: one part tests columns of one dataset; join a second part with '|'",
                    condition.field,
                    dataset.as_str()
                );
                return Err(ExpressionError::new(condition.field.at.0, problem));
            }
            match any_of.last_mut() {
                Some(all) if !alternative => all.push(condition),
                _ => any_of.push(vec![condition]),
            }
        }
        let only_if = self.guard(target)?;
        Ok(Part { effect, target, any_of, only_if })
    }

    /// `IF …`, if it comes.
    fn guard(&mut self, target: Target) -> Result<Vec<Condition>, ExpressionError> {
        let (_, at) = self.peek();
        if !self.keyword("IF") {
            return Ok(vec![]);
        }
        if target == Target::User {
            let problem = "IF tests the user of a request, and a filter of users has none";
            return Err(ExpressionError::new(at, problem));
        }
        let mut conditions = vec![];
        loop {
            let field = self.field()?;
            if field.source != Source::CurrentUser {
                let problem = format!("expected a column of CurrentUser behind IF, found {field}");
                return Err(ExpressionError::new(field.at.0, problem));
            }
            conditions.push(self.test(field, target)?);
            if self.keyword("AND") {
                continue;
            }
            let wrong = match self.peek().0 {
                Token::Word(word) if word.eq_ignore_ascii_case("OR") => {
                    "conditions behind IF are joined with AND"
                }
                Token::Word(word) if word.eq_ignore_ascii_case("IF") => {
                    "IF stands once, at the end of a part"
                }
                _ => return Ok(conditions),
            };
            return Err(ExpressionError::new(
                self.peek().1,
                format!("{wrong}, found {}", self.peek().0.shown()),
            ));
        }
    }

    /// A condition behind WHERE.
    fn condition(&mut self, target: Target) -> Result<Condition, ExpressionError> {
        let field = self.field()?;
        let problem = match (target, field.source) {
            (_, Source::CurrentUser) => format!("{field} stands behind IF only"),
            (Target::Item, Source::Users) => {
                format!("{field}: a filter of items tests its user with CurrentUser.{} behind IF", field.name)
            }
            (Target::User, Source::Items | Source::Actions | Source::ActionInteractions) => {
                format!("{field}: a filter of users tests columns of Users or Interactions")
            }
            (Target::Item, Source::Actions | Source::ActionInteractions) => {
                format!("{field}: a filter of items tests columns of Items or Interactions")
            }
            (Target::Action, Source::Items | Source::Users | Source::Interactions) => {
                format!("{field}: a filter of actions tests columns of Actions or Action_Interactions")
            }
            _ => return self.test(field, target),
        };
        Err(ExpressionError::new(field.at.0, problem))
    }

    fn field(&mut self) -> Result<Field, ExpressionError> {
        const EXPECTED: &str = "a column such as Items.GENRES";
        let Token::Word(dataset) = self.peek().0.clone() else { return Err(self.unexpected(EXPECTED)) };
        let (_, at) = self.advance();
        let known = [
            Source::Interactions,
            Source::Items,
            Source::Users,
            Source::CurrentUser,
            Source::Actions,
            Source::ActionInteractions,
        ];
        let source = known.into_iter().find(|source| source.as_str().eq_ignore_ascii_case(&dataset));
        let Some(source) = source else {
            let problem = match dataset.to_ascii_lowercase().as_str() {
                "currentitem" => "CurrentItem stands on the right side of a test".to_owned(),
                _ => format!(
                    "expected Interactions, Items, Users, Actions, Action_Interactions or CurrentUser, found {}",
                    Token::Word(dataset).shown()
                ),
            };
            return Err(ExpressionError::new(at, problem));
        };
        let name = self.name()?;
        Ok(Field { source, name, at: At(at) })
    }

    /// `.NAME`.
    fn name(&mut self) -> Result<String, ExpressionError> {
        if !self.token(&Token::Dot) {
            return Err(self.unexpected("'.' and the name of a column"));
        }
        match self.peek().0.clone() {
            Token::Word(name) => {
                self.advance();
                Ok(name)
            }
            _ => Err(self.unexpected("the name of a column")),
        }
    }

    fn test(&mut self, field: Field, target: Target) -> Result<Condition, ExpressionError> {
        let (_, at) = self.peek();
        if let Token::Op(op) = *self.peek().0 {
            self.advance();
            let value = self.value(&field, target, "a number, a text in double quotes or a $PARAMETER")?;
            return Ok(Condition { field, test: Test::Compare { op, value } });
        }
        let negated = self.keyword("NOT");
        if !self.keyword("IN") {
            let expected = if negated { "IN" } else { "IN, NOT IN, =, !=, <, <=, > or >=" };
            return Err(self.unexpected(expected));
        }
        let values = self.list(&field, target)?;
        let star = |value: &Value| matches!(&value.atom, Atom::Text(text) if text == "*");
        if field.is_event_type() && values.iter().any(star) {
            if negated {
                return Err(ExpressionError::new(at, "\"*\" stands behind IN only, not behind NOT IN"));
            }
            return Ok(Condition { field, test: Test::AnyEvent });
        }
        if negated
            && let Some(Value { atom: Atom::Parameter(name), at }) =
                values.iter().find(|value| matches!(value.atom, Atom::Parameter(_)))
        {
            let problem = format!(
                "Invalid input symbol: ${name}. Placeholders are not allowed with NOT_IN operator; use EXCLUDE with IN"
            );
            return Err(ExpressionError::new(at.0, problem));
        }
        Ok(Condition { field, test: Test::In { negated, values } })
    }

    fn list(&mut self, field: &Field, target: Target) -> Result<Vec<Value>, ExpressionError> {
        const EXPECTED: &str = "a text in double quotes, a number or a $PARAMETER";
        if matches!(self.peek().0, Token::Word(word) if word.eq_ignore_ascii_case("CurrentItem")) {
            return Ok(vec![self.value(field, target, EXPECTED)?]);
        }
        if !self.token(&Token::Open) {
            return Err(self.unexpected("'(' and a list of values"));
        }
        let mut values = vec![self.value(field, target, EXPECTED)?];
        loop {
            match () {
                () if self.token(&Token::Close) => return Ok(values),
                () if self.token(&Token::Comma) => values.push(self.value(field, target, EXPECTED)?),
                () => return Err(self.unexpected("',' or ')'")),
            }
        }
    }

    fn value(&mut self, field: &Field, target: Target, expected: &str) -> Result<Value, ExpressionError> {
        let (_, at) = self.peek();
        let atom = match self.peek().0.clone() {
            Token::Text(text) => Atom::Text(text),
            Token::Number(number) => Atom::Number(number),
            Token::Parameter(name) if name.len() > PARAMETER_NAME_CHARS_MAX => {
                let problem = format!("a parameter's name has at most {PARAMETER_NAME_CHARS_MAX} characters");
                return Err(ExpressionError::new(at, problem));
            }
            Token::Parameter(name) => Atom::Parameter(name),
            Token::Star if field.is_event_type() => Atom::Text("*".to_owned()),
            Token::Star => {
                return Err(ExpressionError::new(
                    at,
                    "'*' stands for the type of an event only: Interactions.EVENT_TYPE IN (\"*\")",
                ));
            }
            Token::Word(word) if word.eq_ignore_ascii_case("CurrentItem") => {
                if target != Target::Item || field.source != Source::Items {
                    let problem = "CurrentItem is compared with columns of Items only";
                    return Err(ExpressionError::new(at, problem));
                }
                self.advance();
                let name = self.name()?;
                return Ok(Value { atom: Atom::CurrentItem(name), at: At(at) });
            }
            _ => return Err(self.unexpected(expected)),
        };
        self.advance();
        Ok(Value { atom, at: At(at) })
    }
}

/// Quotas of one expression (guide, "Endpoints and quotas").
fn limits(expression: &Expression) -> Result<(), ExpressionError> {
    let (mut parameters, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (_, condition) in expression.conditions() {
        fields.insert((condition.field.source, condition.field.name.to_ascii_uppercase()));
        if fields.len() > FILTER_FIELDS_MAX {
            let problem = format!("a filter tests at most {FILTER_FIELDS_MAX} distinct columns");
            return Err(ExpressionError::new(condition.field.at.0, problem));
        }
        for value in condition.test.values() {
            if let Atom::Parameter(name) = &value.atom {
                parameters.insert(name);
            }
            if parameters.len() > FILTER_PARAMETERS_MAX {
                let problem = format!("a filter has at most {FILTER_PARAMETERS_MAX} parameters");
                return Err(ExpressionError::new(value.at.0, problem));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Number;

    fn refused(text: &str) -> (usize, String) {
        let error = Expression::parse(text).expect_err(text);
        (error.at, error.problem)
    }

    #[test]
    fn the_examples_of_the_guide_are_read() {
        for text in [
            r#"INCLUDE ItemID WHERE Items.GENRES IN ("Comedy","Action")"#,
            r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")"#,
            r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")"#,
            "EXCLUDE itemId WHERE INTERACTIONS.event_type in (*)",
            "INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY)",
            "INCLUDE ItemID WHERE Items.PRICE <= $MAXPRICE",
            r#"EXCLUDE ItemID WHERE Items.GENRE IN ("Horror") IF CurrentUser.AGE < 18"#,
            r#"EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe") AND Items.DESCRIPTION NOT IN ("boot")"#,
            r#"INCLUDE ItemID WHERE Items.C IN ("shoes") | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")"#,
            "INCLUDE ItemID WHERE Items.CATEGORY IN (CurrentItem.CATEGORY)",
            "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE",
            r#"INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ("gold")"#,
            "EXCLUDE ItemID WHERE Items.N < 20 IF CurrentUser.AGE > 18 AND CurrentUser.AGE < 30",
        ] {
            let read = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(Expression::parse(&read.to_string()), Ok(read), "{text}");
        }
    }

    #[test]
    fn and_binds_before_or() {
        let read =
            Expression::parse("EXCLUDE ItemID WHERE Items.A = 1 OR Items.B = 2 AND Items.C = 3").unwrap();
        let sizes: Vec<usize> = read.parts[0].any_of.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 2]);
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_what_was_expected() {
        for (text, at, words) in [
            ("", 1, "expected INCLUDE or EXCLUDE, found the end"),
            ("DROP ItemID", 1, "found 'DROP'"),
            ("EXCLUDE Items WHERE", 9, "expected ItemID, UserID or ActionID, found 'Items'"),
            ("EXCLUDE ItemID IF", 16, "expected WHERE, found 'IF'"),
            (
                "EXCLUDE ItemID WHERE Item.A = 1",
                22,
                "expected Interactions, Items, Users, Actions, Action_Interactions or CurrentUser, found 'Item'",
            ),
            ("EXCLUDE ItemID WHERE Items GENRE", 28, "expected '.'"),
            (
                "EXCLUDE ItemID WHERE Items.A LIKE \"x\"",
                30,
                "expected IN, NOT IN, =, !=, <, <=, > or >=, found 'LIKE'",
            ),
            ("EXCLUDE ItemID WHERE Items.A NOT \"x\"", 34, "expected IN, found \"x\""),
            ("EXCLUDE ItemID WHERE Items.A IN \"x\"", 33, "expected '(' and a list"),
            ("EXCLUDE ItemID WHERE Items.A IN ()", 34, "expected a text in double quotes"),
            ("EXCLUDE ItemID WHERE Items.A IN (\"x\" \"y\")", 38, "expected ',' or ')', found \"y\""),
            ("EXCLUDE ItemID WHERE Items.A IN ('x')", 34, "double quotes"),
            ("EXCLUDE ItemID WHERE Items.A IN (\"x", 34, "closing double quote"),
            ("EXCLUDE ItemID WHERE Items.A = 12ab", 32, "'12ab' is not a number"),
            ("EXCLUDE ItemID WHERE Items.A = $", 32, "parameter's name"),
            (
                "EXCLUDE ItemID WHERE Items.A NOT IN ($p)",
                38,
                "Invalid input symbol: $p. Placeholders are not allowed with NOT_IN operator",
            ),
            ("EXCLUDE ItemID WHERE Items.A IN (*)", 34, "Interactions.EVENT_TYPE"),
            ("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN (\"*\")", 46, "IN only"),
            ("EXCLUDE ItemID WHERE Items.A = 1 AND Interactions.B = 1", 38, "join a second part with '|'"),
            ("EXCLUDE ItemID WHERE CurrentUser.A = 1", 22, "behind IF only"),
            ("EXCLUDE ItemID WHERE Users.A = 1", 22, "CurrentUser.A behind IF"),
            ("EXCLUDE UserID WHERE Items.A = 1", 22, "columns of Users or Interactions"),
            ("EXCLUDE UserID WHERE Users.A = 1 IF CurrentUser.A = 1", 34, "filter of users has none"),
            ("EXCLUDE ItemID WHERE Items.A = 1 IF Items.A = 1", 37, "expected a column of CurrentUser"),
            (
                "EXCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 OR CurrentUser.A = 2",
                55,
                "joined with AND",
            ),
            (
                "EXCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.A = 1 IF CurrentUser.A = 2",
                55,
                "IF stands once",
            ),
            (
                "EXCLUDE ItemID WHERE Items.A = 1 THEN",
                34,
                "expected AND, OR, IF, '|' or the end, found 'THEN'",
            ),
            ("EXCLUDE ItemID WHERE Items.A = 1 |", 35, "expected INCLUDE or EXCLUDE, found the end"),
            (
                "EXCLUDE ItemID WHERE Items.A = 1 | EXCLUDE UserID WHERE Users.A = 1",
                36,
                "ItemID, UserID or ActionID",
            ),
            ("EXCLUDE ItemID WHERE CurrentItem.A = 1", 22, "right side"),
            ("EXCLUDE ItemID WHERE Interactions.A = CurrentItem.A", 39, "columns of Items only"),
            ("EXCLUDE ActionID WHERE Items.A = 1", 24, "columns of Actions or Action_Interactions"),
            ("EXCLUDE ItemID WHERE Actions.A = 1", 22, "columns of Items or Interactions"),
            ("EXCLUDE UserID WHERE Action_Interactions.A = 1", 22, "columns of Users or Interactions"),
            ("EXCLUDE ActionID WHERE Actions.A IN (CurrentItem.A)", 38, "columns of Items only"),
            ("EXCLUDE ItemID WHERE (Items.A = 1)", 22, "expected a column such as Items.GENRES, found '('"),
        ] {
            let (place, problem) = refused(text);
            assert!(problem.contains(words) && place == at, "{text}: {place} {problem}");
        }
        let error = Expression::parse("EXCLUDE").unwrap_err().to_string();
        assert_eq!(
            error,
            "Invalid Expression at character 8: expected ItemID, UserID or ActionID, found the end."
        );
    }

    #[test]
    fn an_expression_has_bounds() {
        let columns = |n: usize| {
            let conditions: Vec<String> = (0..n).map(|i| format!("Items.C{i} = 1")).collect();
            format!("EXCLUDE ItemID WHERE {}", conditions.join(" OR "))
        };
        assert!(Expression::parse(&columns(FILTER_FIELDS_MAX)).is_ok());
        assert!(refused(&columns(FILTER_FIELDS_MAX + 1)).1.contains("distinct columns"));
        let parameters = |n: usize| {
            let values: Vec<String> = (0..n).map(|i| format!("$P{i}")).collect();
            format!("EXCLUDE ItemID WHERE Items.A IN ({})", values.join(", "))
        };
        assert!(Expression::parse(&parameters(FILTER_PARAMETERS_MAX)).is_ok());
        assert!(refused(&parameters(FILTER_PARAMETERS_MAX + 1)).1.contains("25 parameters"));
        let long =
            format!("EXCLUDE ItemID WHERE Items.A IN (\"{}\")", "é".repeat(FILTER_EXPRESSION_CHARS_MAX));
        assert!(refused(&long).1.contains("at most 2500"));
    }

    #[test]
    fn numbers_and_quotes_are_read_as_they_stand() {
        let read =
            Expression::parse(r#"EXCLUDE ItemID WHERE Items.A IN (-5, 2.50, 1e3, "a\"b\\c\d")"#).unwrap();
        let atoms: Vec<Atom> =
            read.parts[0].any_of[0][0].test.values().iter().map(|value| value.atom.clone()).collect();
        let expected = [
            Atom::Number(Number::Whole(-5)),
            Atom::Number(Number::Real(2.5)),
            Atom::Number(Number::Real(1e3)),
            Atom::Text("a\"b\\c\\d".into()),
        ];
        assert_eq!(atoms, expected);
    }

    #[test]
    fn which_parameters_a_request_must_give() {
        let read = Expression::parse(
            "INCLUDE ItemID WHERE Items.A IN ($A) | EXCLUDE ItemID WHERE Items.B IN ($B, $A) IF CurrentUser.C = $C",
        )
        .unwrap();
        assert_eq!(read.parameters(), [("A", true), ("B", false), ("C", false)]);
    }
}
