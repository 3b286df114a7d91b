//! Which version a row belongs to.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Arn;

use super::key::{SHORT_BYTES, short};

/// Attribute of the stamp.
pub(super) const STAMP: &str = "s";
/// Length of a stamp.
pub(super) const STAMP_BYTES: usize = SHORT_BYTES;

/// A version in six bytes, 48 bits of its ARN's hash: with more, a hundred steeply falling scores would
/// not fit one write unit.
///
/// Slots are written over row by row, so each row says whose it is. Two versions of one campaign have
/// the same stamp once in 2.8e14 pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u8; STAMP_BYTES]);

impl Stamp {
    pub(super) fn of(version: &Arn) -> Self {
        Self(short(version))
    }

    pub(super) fn to_attribute(self) -> AttributeValue {
        AttributeValue::B(Blob::new(self.0))
    }

    /// The stamp that an attribute is, if it is one.
    pub(super) fn from_attribute(value: &AttributeValue) -> Option<Self> {
        let AttributeValue::B(bytes) = value else { return None };
        bytes.as_ref().try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ResourceKind, Scope};

    #[test]
    fn a_stamp_tells_versions_apart_and_is_what_it_was_in_the_first_table() {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let stamp = |tail: &str| Stamp::of(&scope.arn(ResourceKind::SolutionVersion, tail));
        let one = stamp("films/0a1b2c3d");
        assert_ne!(one, stamp("films/0a1b2c3e"));
        assert_eq!(one.0, [0x7f, 0xa4, 0x71, 0x36, 0x63, 0xf9]);
        assert_eq!(Stamp::from_attribute(&one.to_attribute()), Some(one));
        for other in [AttributeValue::S("12345678".into()), AttributeValue::B(Blob::new([1; 7]))] {
            assert_eq!(Stamp::from_attribute(&other), None);
        }
    }
}
