//! One field's bytes to a typed value.
//!
//! The functions answer with what is wrong and how to mend it; the caller knows where. Nothing is
//! guessed: a value either is of its column's type or is refused.

use domain::limits::{CATEGORICAL_CHARS_MAX, ID_CHARS_MAX};

/// What is wrong with a value, and how to mend it. Built only on the way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub what: String,
    pub mend: String,
}

impl Fault {
    #[cold]
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

/// From here on a number cannot be meant as epoch seconds: 10^11 s is the year 5138, while
/// 10^11 ms is 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;
/// 2100-01-01T00:00:00Z. Later seconds are a wrong unit or a wrong column.
const TIMESTAMP_END: i64 = 4_102_444_800;

/// A decimal integer; `None` when there is anything else in the field or it does not fit.
#[inline]
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    if digits.len() > 18 {
        // Rare: near the ends of the range. The standard parser gets them right.
        return std::str::from_utf8(bytes).ok()?.parse().ok().filter(|_| digits[0] != b'+');
    }
    let mut value: i64 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

#[cold]
fn not_whole(bytes: &[u8], type_name: &str, range: &str) -> Fault {
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim();
    let mend = if trimmed != text && integer(trimmed.as_bytes()).is_some() {
        "Remove the spaces around the number".to_owned()
    } else if trimmed.strip_prefix('+').is_some_and(|rest| integer(rest.as_bytes()).is_some()) {
        "Remove the plus sign".to_owned()
    } else if trimmed.bytes().all(|b| b.is_ascii_digit() || b == b'-') && trimmed.len() > 9 {
        format!("Use a number from {range}, or another type in the schema")
    } else if trimmed.parse::<f64>().is_ok_and(f64::is_finite) {
        "Write it without fraction and exponent".to_owned()
    } else {
        "Write digits only".to_owned()
    };
    Fault::new(format!("is not a whole number ({type_name})"), mend + ".")
}

pub(crate) fn long(bytes: &[u8]) -> Result<i64, Fault> {
    integer(bytes).ok_or_else(|| not_whole(bytes, "long", "-9223372036854775808 to 9223372036854775807"))
}

pub(crate) fn int(bytes: &[u8]) -> Result<i32, Fault> {
    integer(bytes)
        .and_then(|value| i32::try_from(value).ok())
        .ok_or_else(|| not_whole(bytes, "int", "-2147483648 to 2147483647"))
}

/// `TIMESTAMP`: epoch seconds, 1970 to 2099.
#[inline]
pub(crate) fn timestamp(bytes: &[u8]) -> Result<i64, Fault> {
    match integer(bytes) {
        Some(value @ 0..TIMESTAMP_END) => Ok(value),
        other => Err(bad_timestamp(bytes, other, false)),
    }
}

/// `CREATION_TIMESTAMP`: epoch seconds; items may be older than 1970.
pub(crate) fn creation_timestamp(bytes: &[u8]) -> Result<i64, Fault> {
    match integer(bytes) {
        Some(value) if value > -MILLISECONDS_FROM && value < TIMESTAMP_END => Ok(value),
        other => Err(bad_timestamp(bytes, other, true)),
    }
}

#[cold]
fn bad_timestamp(bytes: &[u8], value: Option<i64>, may_be_negative: bool) -> Fault {
    let Some(value) = value else {
        let text = String::from_utf8_lossy(bytes);
        let date = text.trim().bytes().filter(|b| matches!(b, b'-' | b'/' | b':')).count() >= 2;
        if date {
            return Fault::new(
                "is a date, not epoch seconds",
                "Convert it to seconds since 1970-01-01 UTC, for example 1700000000.",
            );
        }
        let mut fault = not_whole(bytes, "long", "0 to 4102444799");
        fault.mend += " A timestamp is epoch seconds, for example 1700000000.";
        return fault;
    };
    if value.unsigned_abs() >= MILLISECONDS_FROM as u64 {
        let (unit, divisor) = match value.unsigned_abs() {
            0..100_000_000_000_000 => ("milliseconds", "1000"),
            100_000_000_000_000..100_000_000_000_000_000 => ("microseconds", "1000000"),
            _ => ("nanoseconds", "1000000000"),
        };
        return Fault::new(
            format!("looks like {unit}, but timestamps are epoch seconds"),
            format!("Divide the column by {divisor}."),
        );
    }
    if value < 0 && !may_be_negative {
        return Fault::new("lies before 1970", "Write epoch seconds, for example 1700000000.");
    }
    Fault::new(
        "lies after the year 2099",
        "Write epoch seconds, for example 1700000000; check that this is the right column.",
    )
}

/// A finite decimal number.
fn decimal<T: std::str::FromStr>(bytes: &[u8], finite: impl Fn(&T) -> bool, name: &str) -> Result<T, Fault> {
    // `parse` would also take "inf" and "NaN"; a number has a digit.
    let number = bytes
        .iter()
        .any(u8::is_ascii_digit)
        .then(|| std::str::from_utf8(bytes).ok()?.parse::<T>().ok())
        .flatten();
    match number {
        Some(value) if finite(&value) => Ok(value),
        Some(_) => Err(Fault::new(
            format!("is too large for the type {name}"),
            "Use a smaller number, or \"double\" in the schema.",
        )),
        None => Err(not_decimal(bytes, name)),
    }
}

#[cold]
fn not_decimal(bytes: &[u8], name: &str) -> Fault {
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim();
    let mend = if trimmed != text && trimmed.parse::<f64>().is_ok_and(f64::is_finite) {
        "Remove the spaces around the number."
    } else if trimmed.replace(',', ".").parse::<f64>().is_ok_and(f64::is_finite) {
        "Write the decimal point as a point."
    } else if matches!(trimmed.to_ascii_lowercase().as_str(), "nan" | "null" | "none" | "na" | "n/a") {
        "Leave the field empty where there is no value, with [\"null\", \"float\"] as the type in the schema."
    } else {
        "Write a number such as 4.5."
    };
    Fault::new(format!("is not a number ({name})"), mend)
}

pub(crate) fn float(bytes: &[u8]) -> Result<f32, Fault> {
    decimal(bytes, |value: &f32| value.is_finite(), "float")
}

pub(crate) fn double(bytes: &[u8]) -> Result<f64, Fault> {
    decimal(bytes, |value: &f64| value.is_finite(), "double")
}

pub(crate) fn boolean(bytes: &[u8]) -> Result<bool, Fault> {
    if bytes.eq_ignore_ascii_case(b"true") {
        Ok(true)
    } else if bytes.eq_ignore_ascii_case(b"false") {
        Ok(false)
    } else {
        Err(Fault::new("is not a boolean", "Write true or false."))
    }
}

/// `USER_ID` or `ITEM_ID`: 1 to 256 characters.
#[inline]
pub(crate) fn id(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.is_empty() {
        return Err(Fault::new("is empty", "Give every row an id, or remove the row."));
    }
    at_most(bytes, ID_CHARS_MAX, "an id", "Shorten it, for example by a hash of it.")
}

/// A column with `"categorical": true`, or a list of impressions: at most 1,000 characters.
#[inline]
pub(crate) fn categorical(bytes: &[u8]) -> Result<(), Fault> {
    at_most(
        bytes,
        CATEGORICAL_CHARS_MAX,
        "a categorical value",
        "Shorten it, or use \"textual\" for free text in the schema of items.",
    )
}

#[inline]
fn at_most(bytes: &[u8], max: usize, what: &str, mend: &str) -> Result<(), Fault> {
    // A character takes at least one byte, so short fields need no counting.
    if bytes.len() <= max {
        return Ok(());
    }
    let chars = bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count();
    if chars <= max {
        return Ok(());
    }
    Err(Fault::new(format!("has {chars} characters; {what} has at most {max}"), mend))
}

/// Longest text kept of a column that is neither id nor category, in characters: the hosted service
/// cuts there as well.
pub(crate) const TEXT_CHARS_MAX: usize = 20_000;

/// Free text, cut to [`TEXT_CHARS_MAX`] characters.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> &[u8] {
    if bytes.len() <= TEXT_CHARS_MAX {
        return bytes;
    }
    let mut starts = bytes.iter().enumerate().filter(|(_, b)| **b & 0xC0 != 0x80);
    match starts.nth(TEXT_CHARS_MAX) {
        Some((end, _)) => &bytes[..end],
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_to_the_ends_of_the_range() {
        for text in ["0", "-1", "007", "999999999999999999", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), Some(text.parse().unwrap()), "{text}");
        }
        for text in
            ["", "-", "+1", "1.0", " 1", "1 ", "1e3", "9223372036854775808", "++1", "+9223372036854775806"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn each_wrong_number_is_told_its_own_cure() {
        let mend = |text: &str| timestamp(text.as_bytes()).unwrap_err();
        assert!(mend("1700000000000").mend.contains("Divide the column by 1000."));
        assert!(mend("1700000000000000").mend.contains("1000000."));
        assert!(mend("1700000000000000000").mend.contains("1000000000."));
        assert!(mend("-5").what.contains("before 1970"));
        assert!(mend("5000000000").what.contains("after the year 2099"));
        assert!(mend("2024-01-01 10:00:00").what.contains("date"));
        assert!(mend("1700000000.0").mend.contains("without fraction"));
        assert!(mend(" 1700000000").mend.contains("spaces"));
        assert_eq!(creation_timestamp(b"-500000000"), Ok(-500_000_000));
        assert!(int(b"2147483648").unwrap_err().mend.contains("2147483647"));
        assert!(float(b"4,5").unwrap_err().mend.contains("point"));
        assert!(float(b"NaN").unwrap_err().mend.contains("empty"));
        assert!(float(b"inf").is_err() && float(b"1e39").unwrap_err().what.contains("too large"));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(id("é".repeat(256).as_bytes()).is_ok());
        assert!(id("é".repeat(257).as_bytes()).unwrap_err().what.contains("257 characters"));
        assert_eq!(text("é".repeat(20_001).as_bytes()), "é".repeat(20_000).as_bytes());
    }
}
