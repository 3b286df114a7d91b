//! The questions of `aws-item-attribute-affinity`: `ITEMS.genres = "Comedy" AND ITEMS.year = 1999`.
//!
//! Developer guide, "Preparing input data for user segments": conditions know `=` and are joined with
//! `AND`. An item meets a question when it meets all of its conditions; of several categories in one
//! cell (`Comedy|Action`) any may be meant. Columns are found whatever the case of their names, because
//! the guide writes them in small letters and schemas in capitals.

use dataset::metadata::{Cells, Column};

use super::evaluation::Question;
use crate::similar::tokens::categories_of;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Name of a column of Items.
    pub column: String,
    /// What it has to be.
    pub value: String,
}

/// Reads a question. Fails with a sentence that says where it goes wrong and what was expected.
pub fn parse(text: &str) -> Result<Vec<Condition>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut conditions = Vec::new();
    loop {
        let dataset = reader.name("ITEMS")?;
        if !dataset.eq_ignore_ascii_case("ITEMS") {
            return Err(format!(
                "'{dataset}' in itemAttributes is no dataset that can be asked for: write ITEMS.<column>"
            ));
        }
        reader.symbol('.')?;
        let column = reader.name("the name of a column")?.to_owned();
        reader.symbol('=')?;
        conditions.push(Condition { column, value: reader.value()? });
        reader.space();
        if reader.rest().is_empty() {
            return Ok(conditions);
        }
        let word = reader.name("AND")?;
        if !word.eq_ignore_ascii_case("AND") {
            return Err(format!("conditions in itemAttributes are joined with AND, not with '{word}'"));
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn expected(&self, what: &str) -> String {
        let place = self.text[..self.at].chars().count() + 1;
        match self.rest().chars().next() {
            Some(found) => {
                format!("itemAttributes has '{found}' at character {place}, where {what} is expected")
            }
            None => format!("itemAttributes ends where {what} is expected"),
        }
    }

    fn name(&mut self, what: &str) -> Result<&'a str, String> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected(what));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn symbol(&mut self, symbol: char) -> Result<(), String> {
        self.space();
        match self.rest().starts_with(symbol) {
            true => self.at += symbol.len_utf8(),
            false => return Err(self.expected(&format!("'{symbol}'"))),
        }
        Ok(())
    }

    /// A text in quotes, in which a backslash keeps the next character as it is, or a number.
    fn value(&mut self) -> Result<String, String> {
        self.space();
        let rest = self.rest();
        if !rest.starts_with('"') {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            if rest[..end].parse::<f64>().is_err() {
                return Err(self.expected("a text in double quotes or a number"));
            }
            self.at += end;
            return Ok(rest[..end].to_owned());
        }
        let (mut value, mut letters) = (String::new(), rest.char_indices().skip(1));
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return Ok(value);
                }
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                letter => value.push(letter),
            }
        }
        Err("itemAttributes ends within quotes".to_owned())
    }
}

/// The items that meet all conditions, ascending. Fails with a sentence when there is no such column or
/// no such item.
pub fn items_with(conditions: &[Condition], columns: &[Column]) -> Result<Vec<u32>, String> {
    let mut items: Option<Vec<u32>> = None;
    for condition in conditions {
        let found = columns.iter().find(|column| column.name.eq_ignore_ascii_case(&condition.column));
        let column = found.ok_or_else(|| {
            let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
            format!(
                "the Items dataset that the model was trained with has no column {} to ask for; it has {}",
                condition.column,
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            )
        })?;
        let own = having(column, &condition.value);
        items = Some(match items {
            Some(items) => items.into_iter().filter(|item| own.binary_search(item).is_ok()).collect(),
            None => own,
        });
    }
    match items {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err("no item of the model has these attributes".to_owned()),
    }
}

/// The items whose cell has a value, ascending.
fn having(column: &Column, value: &str) -> Vec<u32> {
    let items = 0..column.len() as u32;
    match &column.cells {
        Cells::Text { distinct, codes } => {
            let meant: Vec<bool> = distinct
                .iter()
                .map(|cell| &**cell == value || categories_of(cell).any(|name| name == value))
                .collect();
            items
                .filter(|&item| meant.get(codes[item as usize] as usize).is_some_and(|&meant| meant))
                .collect()
        }
        Cells::Number(values) => match value.trim().parse::<f32>() {
            Ok(number) => items.filter(|&item| values[item as usize] == number).collect(),
            Err(_) => Vec::new(),
        },
    }
}

/// A question for each category of each column of text, for the evaluation.
pub fn questions(columns: &[Column]) -> Vec<Question> {
    let mut questions = std::collections::BTreeMap::<String, Vec<u32>>::new();
    for column in columns {
        let Cells::Text { distinct, codes } = &column.cells else { continue };
        for (item, &code) in codes.iter().enumerate() {
            let Some(cell) = distinct.get(code as usize) else { continue };
            for name in categories_of(cell) {
                questions.entry(format!("{}={name}", column.name)).or_default().push(item as u32);
            }
        }
    }
    questions.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use dataset::metadata::NO_VALUE;

    use super::*;

    fn condition(column: &str, value: &str) -> Condition {
        Condition { column: column.into(), value: value.into() }
    }

    #[test]
    fn questions_are_read_as_the_guide_writes_them() {
        for (text, expected) in [
            (r#"ITEMS.genres = "Comedy""#, vec![condition("genres", "Comedy")]),
            (
                r#"ITEMS.genres = "Comedy" AND ITEMS.genres = "Action""#,
                vec![condition("genres", "Comedy"), condition("genres", "Action")],
            ),
            (
                r#" items.GENRE="a \"b\" = c"and ITEMS . YEAR = 1999 "#,
                vec![condition("GENRE", "a \"b\" = c"), condition("YEAR", "1999")],
            ),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        for (text, words) in [
            ("", "ends where ITEMS is expected"),
            ("USERS.age = 3", "'USERS'"),
            (r#"ITEMS.genres > "a""#, "'>' at character 14, where '=' is expected"),
            ("ITEMS.genres = Comedy", "a text in double quotes or a number"),
            (r#"ITEMS.genres = "Comedy"#, "ends within quotes"),
            (r#"ITEMS.genres = "a" OR ITEMS.genres = "b""#, "not with 'OR'"),
            (r#"ITEMS.genres = "a" AND"#, "ends where ITEMS is expected"),
            (r#"ITEMS.é = "a""#, "the name of a column"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    fn columns() -> Vec<Column> {
        let distinct = ["Comedy|Action", "Comedy", "Action| Drama"].map(Into::into).into();
        let cells = Cells::Text { distinct, codes: vec![0, 1, 2, NO_VALUE, 1] };
        let years = Cells::Number(vec![1999.0, 1999.0, 2001.0, 1999.0, f32::NAN]);
        vec![Column { name: "GENRES".into(), cells }, Column { name: "YEAR".into(), cells: years }]
    }

    #[test]
    fn an_item_meets_all_conditions_or_is_not_meant() {
        let found = |text: &str| items_with(&parse(text).unwrap(), &columns());
        assert_eq!(found(r#"ITEMS.genres = "Comedy""#), Ok(vec![0, 1, 4]));
        assert_eq!(found(r#"ITEMS.genres = "Comedy" AND ITEMS.genres = "Action""#), Ok(vec![0]));
        assert_eq!(found(r#"ITEMS.GENRES = "Drama""#), Ok(vec![2]));
        assert_eq!(found(r#"ITEMS.year = 1999 AND ITEMS.genres = "Comedy""#), Ok(vec![0, 1]));
        assert_eq!(found(r#"ITEMS.genres = "Comedy|Action""#), Ok(vec![0]));
        for (text, words) in [
            (r#"ITEMS.genres = "comedy""#, "no item"),
            (r#"ITEMS.genres = "Drama" AND ITEMS.year = 1999"#, "no item"),
            (r#"ITEMS.colour = "red""#, "no column colour"),
        ] {
            assert!(found(text).unwrap_err().contains(words), "{text}");
        }
    }

    #[test]
    fn every_category_is_a_question() {
        let asked = questions(&columns());
        let names: Vec<&str> = asked.iter().map(|question| question.0.as_str()).collect();
        assert_eq!(names, ["GENRES=Action", "GENRES=Comedy", "GENRES=Drama"]);
        assert_eq!(asked[0].1, [0, 2]);
    }
}
