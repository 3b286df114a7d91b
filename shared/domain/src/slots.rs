//! The two places that a campaign keeps recommendation lists in.
//!
//! One serves while the other is written over with the next version's lists. So a refresh pays for the
//! lists it writes and for nothing else: there is never a superseded list to delete, which would cost
//! what writing it cost.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;

/// One of a campaign's two places for lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// What a new campaign serves from.
    #[default]
    A,
    /// What its first update goes to.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The one that is not this one.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Which slot serves, and what both hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slots {
    /// The slot whose lists are served.
    pub serving: Slot,
    /// The version whose lists are all in slot A.
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<Arn>,
    /// The version whose lists are all in slot B.
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<Arn>,
}

impl Slots {
    /// The version whose lists are all in a slot; none while they are being written over.
    pub fn held(&self, slot: Slot) -> Option<&Arn> {
        match slot {
            Slot::A => self.a.as_ref(),
            Slot::B => self.b.as_ref(),
        }
    }

    /// Says that all lists of a version are in a slot, or that those of no version are.
    pub fn hold(&mut self, slot: Slot, version: Option<Arn>) {
        match slot {
            Slot::A => self.a = version,
            Slot::B => self.b = version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::{ResourceKind, Scope};

    #[test]
    fn each_slot_holds_its_own_version_and_survives_the_store() {
        let scope = Scope { region: "us-east-1".into(), account: "000000000000".into() };
        let version = |tail: &str| scope.arn(ResourceKind::SolutionVersion, tail);
        let mut slots = Slots::default();
        assert_eq!(Slot::ALL.map(|slot| slots.held(slot)), [None, None]);
        slots.hold(Slot::A, Some(version("films/1")));
        slots.hold(Slot::B, Some(version("films/2")));
        slots.serving = Slot::B;
        slots.hold(slots.serving.other(), None);
        assert_eq!(Slot::ALL.map(|slot| slots.held(slot)), [None, Some(&version("films/2"))]);
        let text = serde_json::to_string(&slots).unwrap();
        assert_eq!(serde_json::from_str::<Slots>(&text).unwrap(), slots);
    }

    #[test]
    fn a_campaign_from_before_there_were_slots_is_read() {
        let row = serde_json::json!({
            "arn": "arn:aws:personalize:us-east-1:000000000000:campaign/films",
            "name": "films",
            "solution_version": "arn:aws:personalize:us-east-1:000000000000:solution/films/0a1b2c3d",
            "lifecycle": { "status": "ACTIVE", "created": 0, "updated": 0 },
        });
        let campaign: crate::resource::Campaign = serde_json::from_value(row).unwrap();
        assert_eq!(campaign.slots, Slots::default());
    }
}
