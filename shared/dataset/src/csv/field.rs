//! Writing a value so that the grammar in `record.rs` reads it back.

/// Appends a value to a record, in quotes where it has to be.
///
/// Within quotes a backslash before a quote or another backslash would be taken for an escape, so there,
/// and at the end of the value, it is doubled. Elsewhere it means itself, as other readers of CSV have it.
pub fn write_field(record: &mut String, value: &str) {
    let plain = !value.contains([',', '"', '\n', '\r']) && value.trim() == value;
    if plain {
        return record.push_str(value);
    }
    record.push('"');
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let twice = match c {
            '"' => true,
            '\\' => matches!(chars.peek(), None | Some('"' | '\\')),
            _ => false,
        };
        record.push(c);
        if twice {
            record.push(c);
        }
    }
    record.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::csv::record::{split, unescape};

    fn read(record: &str) -> Vec<String> {
        let mut spans = vec![];
        let (next, fault) = split(record.as_bytes(), 0, &mut spans);
        assert_eq!((next, fault), (record.len(), None), "{record:?}");
        let field = |raw: &[u8], escaped: bool| {
            let mut value = vec![];
            if escaped {
                unescape(raw, &mut value)
            } else {
                value.extend_from_slice(raw)
            }
            String::from_utf8(value).unwrap()
        };
        spans.iter().map(|span| field(span.raw(record.as_bytes()), span.escaped)).collect()
    }

    #[test]
    fn only_what_has_to_be_is_quoted() {
        for (value, written) in [
            ("Drama|Comedy", "Drama|Comedy"),
            ("", ""),
            (r"a\b", r"a\b"),
            ("a,b", r#""a,b""#),
            ("say \"hi\"", r#""say ""hi""""#),
            (" a", r#"" a""#),
            ("a,\\", r#""a,\\""#),
            ("\\\"", r#""\\""""#),
        ] {
            let mut record = String::new();
            write_field(&mut record, value);
            assert_eq!(record, written);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(values in prop::collection::vec("[a-c ,\"\\\\\n\ré|]{0,8}", 1..5)) {
            let mut record = String::new();
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    record.push(',');
                }
                write_field(&mut record, value);
            }
            record.push('\n');
            prop_assert_eq!(read(&record), values);
        }
    }
}
