//! What an expression means, told by looking at one item after the other.

use super::*;

fn numeric(raw: &Raw, op: Op, literal: Number) -> bool {
    let real = match literal {
        Number::Whole(n) => n as f64,
        Number::Real(n) => n,
    };
    let order = match raw {
        Raw::Text(_) => return false,
        // Small numbers: exact as 64-bit floats.
        Raw::Whole(n) => (*n as f64).partial_cmp(&real),
        Raw::Single(n) => n.partial_cmp(&(real as f32)),
        Raw::Double(n) => n.partial_cmp(&real),
    };
    let order = order.unwrap() as i32;
    match op {
        Op::Equal => order == 0,
        Op::NotEqual => order != 0,
        Op::Less => order < 0,
        Op::LessOrEqual => order <= 0,
        Op::Greater => order > 0,
        Op::GreaterOrEqual => order >= 0,
    }
}

fn kind_of(source: Source, name: &str) -> (&'static str, Type) {
    *columns(source).iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap()
}

fn atoms(source: Source, name: &str, text: &str) -> Vec<String> {
    let texts = match kind_of(source, name).1 {
        Type::Categories => text.split('|').map(str::to_owned).collect(),
        _ => vec![text.to_owned()],
    };
    texts.into_iter().filter(|text: &String| !text.is_empty()).collect()
}

/// The values that a test is about; None when one is missing.
fn wanted(world: &World, given: &BTreeMap<String, Vec<String>>, test: &Test) -> Option<Vec<Raw>> {
    let mut out = vec![];
    for value in test.values() {
        match &value.atom {
            Atom::Text(text) => out.push(Raw::Text(text.clone())),
            Atom::Number(Number::Whole(n)) => out.push(Raw::Whole(*n)),
            Atom::Number(Number::Real(n)) => out.push(Raw::Double(*n)),
            Atom::Parameter(name) => out.extend(given.get(name)?.iter().map(|text| Raw::Text(text.clone()))),
            Atom::CurrentItem(name) => {
                let id = world.current_item.as_ref()?;
                let (_, row) = world.items.iter().find(|(known, _)| known == id)?;
                let (name, _) = kind_of(Source::Items, name);
                match row.get(name)? {
                    Raw::Text(text) => {
                        let own = atoms(Source::Items, name, text);
                        if own.is_empty() {
                            return None;
                        }
                        out.extend(own.into_iter().map(Raw::Text));
                    }
                    Raw::Single(n) => out.push(Raw::Double((*n).into())),
                    other => out.push(other.clone()),
                }
            }
        }
    }
    Some(out)
}

pub fn holds(
    world: &World,
    given: &BTreeMap<String, Vec<String>>,
    condition: &Condition,
    row: Option<&Row>,
) -> bool {
    if condition.test == Test::AnyEvent {
        return row.is_some();
    }
    let Some(wanted) = wanted(world, given, &condition.test) else { return false };
    let Field { source, name, .. } = &condition.field;
    let (name, _) = kind_of(*source, name);
    let negated =
        matches!(condition.test, Test::In { negated: true, .. } | Test::Compare { op: Op::NotEqual, .. });
    if condition.field.is_event_type() && !negated && wanted.contains(&Raw::Text("*".into())) {
        return row.is_some();
    }
    let Some(raw) = row.and_then(|row| row.get(name)) else { return false };
    let (op, negated) = match &condition.test {
        Test::In { negated, .. } => (Op::Equal, *negated),
        Test::Compare { op, .. } => (*op, false),
        Test::AnyEvent => unreachable!(),
    };
    if let Raw::Text(text) = raw {
        let own = atoms(*source, name, text);
        let fold = |text: &str| {
            if condition.field.is_event_type() { text.to_lowercase() } else { text.to_owned() }
        };
        let among = own.iter().any(|own| {
            wanted.iter().any(|wanted| matches!(wanted, Raw::Text(wanted) if fold(wanted) == fold(own)))
        });
        return !own.is_empty() && among != (negated || op == Op::NotEqual);
    }
    let literal = |wanted: &Raw| match wanted {
        Raw::Text(text) => match text.parse() {
            Ok(n) => Number::Whole(n),
            Err(_) => Number::Real(text.parse().unwrap()),
        },
        Raw::Whole(n) => Number::Whole(*n),
        Raw::Single(n) => Number::Real((*n).into()),
        Raw::Double(n) => Number::Real(*n),
    };
    wanted.iter().any(|wanted| numeric(raw, op, literal(wanted))) != negated
}

/// The latest 100 of each type.
pub fn latest_rows(events: &[Row]) -> Vec<&Row> {
    let mut by_type: BTreeMap<Option<String>, Vec<&Row>> = BTreeMap::new();
    for event in events {
        let event_type = match event.get("EVENT_TYPE") {
            Some(Raw::Text(text)) => Some(text.to_lowercase()),
            _ => None,
        };
        by_type.entry(event_type).or_default().push(event);
    }
    let time = |row: &&Row| if let Raw::Whole(time) = row["TIMESTAMP"] { time } else { unreachable!() };
    let mut latest = vec![];
    for mut events in by_type.into_values() {
        events.sort_by_key(time);
        latest.extend(events.split_off(events.len().saturating_sub(100)));
    }
    latest
}

pub fn naive(world: &World, given: &BTreeMap<String, Vec<String>>, expression: &Expression) -> Vec<bool> {
    let latest = latest_rows(&world.events);
    let counts =
        |part: &&Part| part.only_if.iter().all(|test| holds(world, given, test, world.user.as_ref()));
    let parts: Vec<&Part> = expression.parts.iter().filter(counts).collect();
    let matches = |part: &Part, id: &str, row: &Row| {
        part.any_of.iter().any(|all| {
            let all_hold = |row| all.iter().all(|test| holds(world, given, test, Some(row)));
            match all[0].field.source {
                Source::Interactions => latest
                    .iter()
                    .filter(|event| event["ITEM_ID"] == Raw::Text(id.to_owned()))
                    .any(|event| all_hold(event)),
                _ => all_hold(row),
            }
        })
    };
    let of = |effect| parts.iter().filter(move |part| part.effect == effect);
    let pass = |(id, row): &(String, Row)| {
        let included =
            of(Effect::Include).count() == 0 || of(Effect::Include).any(|part| matches(part, id, row));
        included && !of(Effect::Exclude).any(|part| matches(part, id, row))
    };
    world.items.iter().map(pass).collect()
}
