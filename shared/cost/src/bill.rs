//! A bill and its lines.

use crate::price::Price;

/// Why a line is on the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Machines and functions while they run, and what starts them. Nothing when nothing happens.
    Compute,
    /// Reads, writes, requests and bytes. Nothing when nothing happens.
    Use,
    /// What costs while it exists, also when nothing happens.
    Standing,
}

impl Group {
    /// All groups, in the order of a bill.
    pub const ALL: [Self; 3] = [Self::Compute, Self::Use, Self::Standing];

    /// The group in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Use => "use",
            Self::Standing => "standing",
        }
    }
}

/// A quantity times a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineItem {
    /// What is paid for.
    pub what: &'static str,
    /// Why.
    pub group: Group,
    /// How much of the price's unit.
    pub quantity: f64,
    /// What the unit costs.
    pub price: &'static Price,
}

impl LineItem {
    /// US dollars.
    pub fn usd(&self) -> f64 {
        self.quantity * self.price.usd / self.price.per
    }
}

/// A month's bill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// Its lines.
    pub items: Vec<LineItem>,
}

impl Bill {
    /// US dollars, all lines together.
    pub fn total(&self) -> f64 {
        self.items.iter().map(LineItem::usd).sum()
    }

    /// US dollars of one group.
    pub fn of(&self, group: Group) -> f64 {
        self.items.iter().filter(|item| item.group == group).map(LineItem::usd).sum()
    }

    pub(crate) fn add(&mut self, group: Group, what: &'static str, quantity: f64, price: &'static Price) {
        self.items.push(LineItem { what, group, quantity, price });
    }

    /// Adds a quantity whose price falls in steps: each step is a size and a price, the last without
    /// end. Steps that are not reached stay off the bill.
    pub(crate) fn add_in_tiers(
        &mut self,
        group: Group,
        what: &'static str,
        quantity: f64,
        tiers: &[(f64, &'static Price)],
    ) {
        let mut left = quantity;
        for (at, (size, price)) in tiers.iter().enumerate() {
            if at == 0 || left > 0.0 {
                self.add(group, what, left.min(*size), price);
            }
            left -= left.min(*size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price;

    #[test]
    fn tiers_add_up_to_the_quantity_and_the_price_falls() {
        let tiers = [(300e6, &price::HTTP_API_FIRST), (f64::INFINITY, &price::HTTP_API_NEXT)];
        let cases: [(f64, &[f64]); 3] = [(0.0, &[0.0]), (300e6, &[300e6]), (432e6, &[300e6, 132e6])];
        for (quantity, lines) in cases {
            let mut bill = Bill::default();
            bill.add_in_tiers(Group::Use, "requests", quantity, &tiers);
            assert_eq!(bill.items.iter().map(|item| item.quantity).collect::<Vec<_>>(), lines);
        }
    }

    #[test]
    fn the_example_of_the_api_gateway_page_comes_out() {
        // 432 million requests: 300 million at 1.00 and 132 million at 0.90 a million.
        let mut bill = Bill::default();
        let tiers = [(300e6, &price::HTTP_API_FIRST), (f64::INFINITY, &price::HTTP_API_NEXT)];
        bill.add_in_tiers(Group::Use, "requests", 432e6, &tiers);
        assert!((bill.total() - 418.80).abs() < 1e-9, "{}", bill.total());
    }
}
