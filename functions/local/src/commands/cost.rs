//! `osusume cost`: a month's bill on paper, beside that of the hosted service.

use std::collections::BTreeMap;

use cost::{Bill, Group, LineItem, Price, Workload, assume, price};
use serde_json::{Value, json};

use crate::cli::Cost;
use crate::table;

/// The part of the hosted price that we want to stay below.
const PART_WANTED: f64 = 0.1;

/// Prints the bills.
pub fn run(options: &Cost) {
    let comparison = Comparison::of(Workload {
        users: options.users,
        items: options.items,
        interactions: options.interactions,
        requests: options.requests,
        trainings: options.trainings_per_month,
    });
    if options.json {
        println!("{:#}", comparison.to_json());
    } else {
        print!("{}", comparison.to_text());
    }
}

/// The bills of one workload.
struct Comparison {
    workload: Workload,
    deployment: Bill,
    idle: Bill,
    hosted: Bill,
    hosted_in_proportion: Bill,
}

impl Comparison {
    fn of(workload: Workload) -> Self {
        Self {
            workload,
            deployment: cost::deployment(&workload),
            idle: cost::deployment(&workload.idle()),
            hosted: cost::hosted(&workload),
            hosted_in_proportion: cost::hosted_with_training_in_proportion(&workload),
        }
    }

    /// Ours as a part of the hosted price. That is never nothing: a campaign bills its minimum.
    fn part(&self) -> f64 {
        self.deployment.total() / self.hosted.total()
    }

    fn to_json(&self) -> Value {
        let Workload { users, items, interactions, requests, trainings } = self.workload;
        let assumptions: Vec<Value> = assume::ALL
            .iter()
            .map(|a| json!({ "what": a.what, "value": a.value, "unit": a.unit, "why": a.why }))
            .collect();
        json!({
            "currency": "USD",
            "region": price::REGION,
            "workload": {
                "users": users,
                "items": items,
                "interactions": interactions,
                "requests": requests,
                "trainingsPerMonth": trainings,
            },
            "deployment": bill_json(&self.deployment),
            "idle": bill_json(&self.idle),
            "hosted": bill_json(&self.hosted),
            "hostedWithTrainingInProportion": bill_json(&self.hosted_in_proportion),
            "partOfHosted": self.part(),
            "belowOneTenth": self.part() < PART_WANTED,
            "assumptions": assumptions,
        })
    }

    fn to_text(&self) -> String {
        let mut text = format!("A deployment of yours, a month in {}, in USD\n", price::REGION);
        text += &bill_text(&self.deployment);
        text += "\nThe same deployment idle: nothing asked, nothing trained\n";
        text += &groups_text(&self.idle);
        text += "\nThe hosted service for the same work, at its lowest\n";
        text += &bill_text(&self.hosted);
        let (ours, hosted) = (self.deployment.total(), self.hosted.total());
        let verdict = if self.part() < PART_WANTED { "below" } else { "not below" };
        text += &format!(
            "\n{ours:.2} against {hosted:.2}: {:.1} % of the hosted price, {verdict} one tenth.\n",
            100.0 * self.part()
        );
        text += &format!(
            "Were its training hours to grow with the interactions, the hosted service would ask {:.2}.\n",
            self.hosted_in_proportion.total()
        );
        text += "New lists are written over those that no longer serve; nothing is deleted, and nothing piles up.\n";
        text += "\nPrices, without free tiers\n";
        text += &prices_text([&self.deployment, &self.hosted]);
        text += "\nAssumptions\n";
        let rows: Vec<Vec<String>> = assume::ALL
            .iter()
            .map(|a| vec![a.what.to_owned(), format!("{} {}", number(a.value), a.unit), a.why.to_owned()])
            .collect();
        text + &table::render(&["what", "value", "why"], &rows)
    }
}

fn bill_json(bill: &Bill) -> Value {
    let item = |item: &LineItem| {
        json!({
            "what": item.what,
            "group": item.group.as_str(),
            "quantity": item.quantity,
            "unit": item.price.unit,
            "price": { "usd": item.price.usd, "per": item.price.per, "name": item.price.name,
                       "source": item.price.source, "asOf": item.price.as_of },
            "usd": item.usd(),
        })
    };
    let mut document =
        json!({ "items": bill.items.iter().map(item).collect::<Vec<_>>(), "total": bill.total() });
    for group in Group::ALL {
        document[group.as_str()] = json!(bill.of(group));
    }
    document
}

fn bill_text(bill: &Bill) -> String {
    let row = |item: &LineItem| {
        vec![
            item.group.as_str().to_owned(),
            item.what.to_owned(),
            number(item.quantity),
            asked(item.price),
            format!("{:.4}", item.usd()),
        ]
    };
    let rows: Vec<Vec<String>> = bill.items.iter().map(row).collect();
    table::render(&["group", "what", "quantity", "price", "USD"], &rows) + &groups_text(bill)
}

fn groups_text(bill: &Bill) -> String {
    let groups = Group::ALL.map(|group| format!("{} {:.2}", group.as_str(), bill.of(group)));
    format!("  {}; total {:.2}\n", groups.join(", "), bill.total())
}

/// Each price once, in the order of its name.
fn prices_text(bills: [&Bill; 2]) -> String {
    let items = bills.into_iter().flat_map(|bill| &bill.items);
    let prices: BTreeMap<&str, &Price> = items.map(|item| (item.price.name, item.price)).collect();
    let row = |price: &&Price| {
        vec![price.name.to_owned(), asked(price), price.source.to_owned(), price.as_of.to_owned()]
    };
    let rows: Vec<Vec<String>> = prices.values().map(row).collect();
    table::render(&["price", "USD", "page", "as of"], &rows)
}

/// `0.625 / 1,000,000 write units`.
fn asked(price: &Price) -> String {
    match price.per {
        1.0 => format!("{} / {}", price.usd, price.unit),
        per => format!("{} / {} {}", price.usd, number(per), price.unit),
    }
}

/// With commas, and with decimals only where the number is small and has some.
fn number(value: f64) -> String {
    let decimals = match value {
        value if value == value.trunc() => 0,
        value if value < 1.0 => 4,
        value if value < 1_000.0 => 2,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::StoredList;

    #[test]
    fn numbers_are_grouped_and_short() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.2500"),
            (2.12, "2.12"),
            (999.5, "999.50"),
            (1000.0, "1,000"),
            (1e6, "1,000,000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    /// `store` is too heavy for `cost` to depend on for one number, so the number is compared here.
    #[test]
    fn a_list_row_is_as_large_as_publishing_makes_it() {
        let items = (0..domain::limits::PRECOMPUTED_RESULTS).map(|i| format!("{:08}", i * 7_919));
        let scores = (0..domain::limits::PRECOMPUTED_RESULTS).map(|i| 0.04 * (-(i as f32) * 0.062).exp());
        let list = StoredList { items: items.collect(), scores: scores.collect() };
        // A user id of 8 characters is a part of it.
        let row = store::ListRow::new(store::ListKey::User("00000001"), &list).expect("a valid list");
        let row = row.size() as f64;
        assert!(row <= assume::LIST_ROW_BYTES && row > 0.9 * assume::LIST_ROW_BYTES, "{row} bytes");
    }
}
