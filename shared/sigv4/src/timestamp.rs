//! Points in time as signatures write them.

use std::fmt;

/// A second in UTC, written as `20150830T123600Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    epoch_seconds: i64,
}

const DAY_SECONDS: i64 = 86_400;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Timestamp {
    /// Seconds since the beginning of 1970.
    pub fn from_epoch_seconds(epoch_seconds: i64) -> Self {
        Self { epoch_seconds }
    }

    /// The day alone, `20150830`, as a credential's scope has it.
    pub fn day(self) -> String {
        self.to_string().chars().take_while(|&char| char != 'T').collect()
    }

    /// Later by so many seconds.
    pub(crate) fn plus(self, seconds: i64) -> Self {
        Self { epoch_seconds: self.epoch_seconds.saturating_add(seconds) }
    }

    /// Reads `20150830T123600Z` and nothing like it: the text is signed, so there is one way to write it.
    pub(crate) fn from_iso_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| digits(text.get(from..to)?);
        Self::from_parts(
            number(0, 4)?,
            number(4, 6)?,
            number(6, 8)?,
            [number(9, 11)?, number(11, 13)?, number(13, 15)?],
        )
    }

    /// Reads the header `Date`, `Sun, 30 Aug 2015 12:36:00 GMT`; Python writes the zone as `-0000`.
    pub(crate) fn from_http_date(text: &str) -> Option<Self> {
        let (_weekday, rest) = text.split_once(", ")?;
        let mut parts = rest.split(' ');
        let day = digits(parts.next()?)?;
        let month = parts.next()?;
        let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
        let year = digits(parts.next()?)?;
        let mut clock = parts.next()?.split(':');
        let time = [digits(clock.next()?)?, digits(clock.next()?)?, digits(clock.next()?)?];
        let utc = ["GMT", "UTC", "+0000", "-0000"].contains(&parts.next()?);
        let whole = utc && clock.next().is_none() && parts.next().is_none();
        whole.then(|| Self::from_parts(year, month, day, time)).flatten()
    }

    fn from_parts(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3]) -> Option<Self> {
        let days = days_before(year, month, day);
        // A day that the calendar lacks comes back as another one.
        let real = (1..=12).contains(&month) && civil(days) == (year, month, day);
        let clock = hour < 24 && minute < 60 && second < 60;
        (real && clock)
            .then_some(Self { epoch_seconds: days * DAY_SECONDS + hour * 3600 + minute * 60 + second })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.epoch_seconds.div_euclid(DAY_SECONDS));
        let second = self.epoch_seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(formatter, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

/// One to four digits, nothing else (a sign would be taken by `parse`).
fn digits(text: &str) -> Option<i64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level
/// date algorithms", `days_from_civil`).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01 (`civil_from_days`, as above).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_second() {
        let time = Timestamp::from_epoch_seconds(1_440_938_160);
        assert_eq!(time.to_string(), "20150830T123600Z");
        assert_eq!(time.day(), "20150830");
        assert_eq!(Timestamp::from_iso_basic("20150830T123600Z"), Some(time));
        for zone in ["GMT", "UTC", "+0000", "-0000"] {
            assert_eq!(Timestamp::from_http_date(&format!("Sun, 30 Aug 2015 12:36:00 {zone}")), Some(time));
        }
    }

    #[test]
    fn every_day_of_ten_thousand_years_reads_back() {
        for day in days_before(0, 1, 1)..=days_before(9999, 12, 31) {
            let time = Timestamp::from_epoch_seconds(day * DAY_SECONDS + 86_399);
            assert_eq!(Timestamp::from_iso_basic(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830 123600Z",
            "20150230T123600Z",
            "20150229T123600Z",
            "20150031T123600Z",
            "20150800T123600Z",
            "20151301T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "+0150830T123600Z",
            "2015083éT12360Z",
            "2015-08-30T12:36:00Z",
        ] {
            assert_eq!(Timestamp::from_iso_basic(text), None, "{text}");
        }
        for text in [
            "",
            "Sun, 30 Aug 2015 12:36:00",
            "Sun, 30 Aug 2015 12:36:00 +0900",
            "Sun, 30 Aug 2015 12:36:00 GMT x",
            "Sun, 30 Aug 2015 12:36 GMT",
            "Sun, 30 Aug 2015 12:36:00:00 GMT",
            "Sun, 31 Jun 2015 12:36:00 GMT",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "30 Aug 2015 12:36:00 GMT",
        ] {
            assert_eq!(Timestamp::from_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn no_second_is_too_far_away_to_be_written() {
        for seconds in [i64::MIN, -1, 0, i64::MAX] {
            let time = Timestamp::from_epoch_seconds(seconds);
            assert!(time.plus(seconds).to_string().ends_with('Z'));
        }
    }
}
