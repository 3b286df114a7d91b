//! Actions as stored lists hold them.

/// An action of a list, and when it may be answered: in the seconds from `from` to before `until`.
///
/// A list is written when its user does something and read for as long as the user does nothing, while
/// actions expire and may be repeated again. So each entry carries its own time, and one read is enough to
/// apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The action's id.
    pub id: String,
    /// Epoch second from which it may be repeated; at any time where there is none.
    pub from: Option<i64>,
    /// Epoch second at which it expires; never where there is none.
    pub until: Option<i64>,
}

/// Longest text before the id, in bytes: two numbers of 64 bits and what stands behind them.
pub const OFFER_BYTES_MAX: usize = 42;

impl Offer {
    /// The entry in a list: `<from>,<until>,<id>`.
    pub fn to_text(&self) -> String {
        let number = |second: Option<i64>| second.map(|second| second.to_string()).unwrap_or_default();
        format!("{},{},{}", number(self.from), number(self.until), self.id)
    }

    /// Reads an entry; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ',');
        let mut number = || match parts.next()? {
            "" => Some(None),
            digits => digits.parse().ok().map(Some),
        };
        let (from, until) = (number()?, number()?);
        Some(Self { id: parts.next()?.to_owned(), from, until })
    }

    /// Whether it may be answered at an epoch second.
    pub fn is_open(&self, now: i64) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written_whatever_the_id_holds() {
        for (from, until) in [(None, None), (Some(-5), Some(i64::MAX)), (Some(i64::MIN), None)] {
            for id in ["a", "1,2,3", ",", "", "お"] {
                let offer = Offer { id: id.to_owned(), from, until };
                let text = offer.to_text();
                assert!(text.len() - id.len() <= OFFER_BYTES_MAX);
                assert_eq!(Offer::parse(&text), Some(offer));
            }
        }
        for text in ["", "a", "1,a", "x,,a", ",x,a"] {
            assert_eq!(Offer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_entry_is_open_between_its_times() {
        let offer = Offer { id: "a".into(), from: Some(10), until: Some(20) };
        assert_eq!([9, 10, 19, 20].map(|now| offer.is_open(now)), [false, true, true, false]);
        assert!(Offer { from: None, until: None, ..offer }.is_open(i64::MIN));
    }
}
