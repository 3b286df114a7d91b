//! Random expressions over random data, against an evaluator that looks at one item after the other.
//!
//! At least 100,000 pairs of data and expression; a failure prints the number of its case, and `CASE=<number>` runs
//! that one alone.

mod naive;

use std::collections::{BTreeMap, BTreeSet};

use dataset::Schema;
use dataset::typed::{NULL, TypedColumn};
use domain::EpochMillis;
use domain::event::{Event, Record};
use domain::limits::FILTER_EVENTS_PER_TYPE;
use filter::ast::{At, Atom, Condition, Effect, Field, Number, Op, Part, Source, Target, Test, Value};
use filter::events::latest;
use filter::{
    CatalogueBuilder, EventIndexBuilder, Expression, Question, Schemas, UserEvent, Values, passing,
    passing_users,
};

use self::naive::{holds, latest_rows, naive};

/// Cases, each with data of its own.
const CASES: u64 = 29_000;
/// Expressions over the same data.
const EXPRESSIONS: usize = 4;
/// Pairs that must have been compared in the end; one in ten expressions is longer than one may be.
const COMPARED: usize = 100_000;

/// What came of some cases.
#[derive(Default)]
struct Tally {
    /// Pairs of data and expression.
    compared: usize,
    /// Those of which some passed and others did not.
    telling: usize,
    /// Users who did more of one type than a filter looks at.
    cut: usize,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            compared: a.compared + b.compared,
            telling: a.telling + b.telling,
            cut: a.cut + b.cut,
        })
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Text,
    Categories,
    Whole,
    Single,
    Double,
}

type Columns = &'static [(&'static str, Type)];

const ITEMS: Columns = &[
    ("ITEM_ID", Type::Text),
    ("GENRES", Type::Categories),
    ("NAME", Type::Text),
    ("YEAR", Type::Whole),
    ("PRICE", Type::Single),
    ("RATING", Type::Double),
];
const USERS: Columns = &[("USER_ID", Type::Text), ("AGE", Type::Whole), ("TIER", Type::Categories)];
const INTERACTIONS: Columns = &[
    ("USER_ID", Type::Text),
    ("ITEM_ID", Type::Text),
    ("TIMESTAMP", Type::Whole),
    ("EVENT_TYPE", Type::Text),
    ("DEVICE", Type::Categories),
    ("AMOUNT", Type::Single),
];
const WORDS: &[&str] =
    &["a", "b", "c", "Drama", "drama", "é", "x y", "say \"x\"", "back\\slash", "*", "1", ""];
const NUMBERS: &[f64] = &[-3.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.25, 4.1, 1e6];

/// What a row has in a column.
#[derive(Clone, Debug, PartialEq)]
enum Raw {
    Text(String),
    Whole(i64),
    Single(f32),
    Double(f64),
}

type Row = BTreeMap<&'static str, Raw>;

fn schema(name: &str, columns: Columns) -> Schema {
    let required = ["ITEM_ID", "USER_ID", "TIMESTAMP"];
    let field = |(name, kind): &(&str, Type)| {
        let avro = match kind {
            Type::Text | Type::Categories => "string",
            Type::Whole if *name == "YEAR" || *name == "AGE" => "int",
            Type::Whole => "long",
            Type::Single => "float",
            Type::Double => "double",
        };
        let avro = match required.contains(name) {
            true => format!("\"{avro}\""),
            false => format!("[\"null\",\"{avro}\"]"),
        };
        let categorical = if *kind == Type::Categories { ",\"categorical\":true" } else { "" };
        format!("{{\"name\":\"{name}\",\"type\":{avro}{categorical}}}")
    };
    let fields: Vec<String> = columns.iter().map(field).collect();
    // The record has no name that asks for reserved types.
    let text = format!("{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[{}]}}", fields.join(","));
    Schema::parse(&text).unwrap()
}

fn raw(random: &mut Random, kind: Type) -> Option<Raw> {
    if random.chance(5) {
        return None;
    }
    Some(match kind {
        Type::Text => Raw::Text(random.one(WORDS).to_owned()),
        Type::Categories => {
            let n = random.below(3);
            Raw::Text((0..=n).map(|_| random.one(WORDS)).collect::<Vec<_>>().join("|"))
        }
        Type::Whole => Raw::Whole(random.one(NUMBERS) as i64),
        Type::Single => Raw::Single(random.one(NUMBERS) as f32),
        Type::Double => Raw::Double(random.one(NUMBERS)),
    })
}

fn row(random: &mut Random, columns: Columns, ids: &[(&'static str, String)]) -> Row {
    let mut row: Row = columns.iter().filter_map(|(name, kind)| Some((*name, raw(random, *kind)?))).collect();
    row.extend(ids.iter().map(|(name, id)| (*name, Raw::Text(id.clone()))));
    row
}

fn typed(rows: &[Row], names: &[String], columns: Columns) -> Vec<TypedColumn> {
    let column = |name: &String| {
        let (name, kind) = *columns.iter().find(|(known, _)| known == name).unwrap();
        let cells = rows.iter().map(|row| row.get(name).cloned());
        match kind {
            Type::Text | Type::Categories => {
                let mut distinct: Vec<Box<str>> = vec![];
                let mut codes = vec![];
                for cell in cells {
                    codes.push(match cell {
                        Some(Raw::Text(text)) => {
                            let at = distinct.iter().position(|known| **known == *text);
                            at.unwrap_or_else(|| {
                                distinct.push(text.into());
                                distinct.len() - 1
                            }) as u32
                        }
                        _ => NULL,
                    });
                }
                TypedColumn::Text { distinct, codes }
            }
            Type::Whole => TypedColumn::Long(
                cells.map(|cell| if let Some(Raw::Whole(n)) = cell { Some(n) } else { None }).collect(),
            ),
            Type::Single => TypedColumn::Float(
                cells.map(|cell| if let Some(Raw::Single(n)) = cell { Some(n) } else { None }).collect(),
            ),
            Type::Double => TypedColumn::Double(
                cells.map(|cell| if let Some(Raw::Double(n)) = cell { Some(n) } else { None }).collect(),
            ),
        }
    };
    names.iter().map(column).collect()
}

fn text(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => text.clone(),
        Raw::Whole(n) => n.to_string(),
        Raw::Single(n) => n.to_string(),
        Raw::Double(n) => n.to_string(),
    }
}

/// A row as it is put by itself.
fn record(row: &Row, key: &str) -> Record {
    let columns = row.iter().filter(|(name, _)| **name != key);
    Record {
        id: text(&row[key]),
        columns: columns.map(|(name, raw)| ((*name).to_owned(), text(raw))).collect(),
    }
}

/// A row as it comes in live.
fn told(row: &Row) -> Event {
    let Record { id, mut columns } = record(row, "ITEM_ID");
    columns.remove("USER_ID");
    let seconds: i64 = columns.remove("TIMESTAMP").unwrap().parse().unwrap();
    Event {
        id: String::new(),
        event_type: columns.remove("EVENT_TYPE").unwrap(),
        item: Some(id),
        value: None,
        sent_at: EpochMillis(1000 * seconds),
        received_us: 0,
        session: String::new(),
        columns,
        impression: vec![],
        recommendation: None,
        attribution: None,
    }
}

struct World {
    /// The latest row of each item, null for items without one.
    items: Vec<(String, Row)>,
    user: Option<Row>,
    /// Of the user, in the order of the file.
    events: Vec<Row>,
    current_item: Option<String>,
}

fn columns(source: Source) -> Columns {
    match source {
        Source::Items => ITEMS,
        Source::Interactions => INTERACTIONS,
        _ => USERS,
    }
}

fn number(random: &mut Random) -> Number {
    let real = random.one(NUMBERS);
    match real.fract() == 0.0 && !random.chance(4) {
        true => Number::Whole(real as i64),
        false => Number::Real(real),
    }
}

/// Parameters so far, each of texts or numbers.
type Parameters = BTreeMap<String, (bool, BTreeSet<usize>)>;

fn atom(random: &mut Random, source: Source, is_text: bool, parameters: &mut Parameters, may: bool) -> Atom {
    if may && random.chance(4) {
        let name = format!("P{}{}", if is_text { "t" } else { "n" }, random.below(3));
        parameters.entry(name.clone()).or_insert((is_text, BTreeSet::new()));
        return Atom::Parameter(name);
    }
    if source == Source::Items && random.chance(8) {
        let fits: Vec<&str> = ITEMS
            .iter()
            .filter(|(_, kind)| matches!(kind, Type::Text | Type::Categories) == is_text)
            .map(|(name, _)| *name)
            .collect();
        return Atom::CurrentItem(random.one(&fits).to_owned());
    }
    match is_text {
        true => Atom::Text(random.one(WORDS).to_owned()),
        false if random.chance(6) => Atom::Text(random.one(&["1", "-3", "2.25"]).to_owned()),
        false => Atom::Number(number(random)),
    }
}

fn value(atom: Atom) -> Value {
    Value { atom, at: At(0) }
}

fn condition(random: &mut Random, source: Source, parameters: &mut Parameters) -> Condition {
    let (name, kind) = random.one(columns(source));
    let spelled = if random.chance(3) { name.to_lowercase() } else { name.to_owned() };
    let field = Field { source, name: spelled, at: At(0) };
    let is_text = matches!(kind, Type::Text | Type::Categories);
    if field.is_event_type() && random.chance(3) {
        return Condition { field, test: Test::AnyEvent };
    }
    let test = if random.chance(2) {
        let negated = random.chance(2);
        let n = 1 + random.below(3);
        let mut values: Vec<Value> =
            (0..n).map(|_| value(atom(random, source, is_text, parameters, !negated))).collect();
        if field.is_event_type() {
            values.retain(|value| value.atom != Atom::Text("*".into()));
            values.push(value(Atom::Text("a".into())));
        }
        Test::In { negated, values }
    } else {
        let op = if is_text { random.one(&[Op::Equal, Op::NotEqual]) } else { random.one(&Op::ALL) };
        Test::Compare { op, value: value(atom(random, source, is_text, parameters, true)) }
    };
    Condition { field, test }
}

fn expression(random: &mut Random, target: Target, parameters: &mut Parameters) -> Expression {
    let part = |random: &mut Random, parameters: &mut Parameters| {
        let own = if target == Target::Item { Source::Items } else { Source::Users };
        let source = random.one(&[own, own, Source::Interactions]);
        let alternatives = 1 + random.below(3);
        let guards = if target == Target::Item { random.below(4).saturating_sub(1) } else { 0 };
        Part {
            effect: random.one(&[Effect::Include, Effect::Exclude]),
            target,
            any_of: (0..alternatives)
                .map(|_| (0..1 + random.below(2)).map(|_| condition(random, source, parameters)).collect())
                .collect(),
            only_if: (0..guards).map(|_| condition(random, Source::CurrentUser, parameters)).collect(),
        }
    };
    let n = 1 + random.below(3);
    Expression { parts: (0..n).map(|_| part(random, parameters)).collect() }
}

fn world(random: &mut Random) -> (World, Vec<Row>) {
    // Seldom more than one word of bits.
    let most = if random.chance(20) { 200 } else { 20 };
    let n = random.below(most);
    let mut items: Vec<(String, Row)> = (0..n).map(|i| (format!("i{i}"), Row::new())).collect();
    // Rows as a file has them: some items twice, some not at all.
    let mut file = vec![];
    for _ in 0..n {
        let i = random.below(n);
        let row = row(random, ITEMS, &[("ITEM_ID", format!("i{i}"))]);
        items[i].1 = row.clone();
        file.push(row);
    }
    // Some did more of one type than is looked at.
    let busy = random.chance(50);
    let events = random.below(if busy { 400 } else { 8 });
    let events = (0..events).map(|_| {
        let item = format!("i{}", random.below(n + 2));
        let mut row = row(random, INTERACTIONS, &[("ITEM_ID", item), ("USER_ID", "u".into())]);
        row.insert("TIMESTAMP", Raw::Whole(random.below(4) as i64));
        if busy && !random.chance(3) {
            row.insert("EVENT_TYPE", Raw::Text("a".into()));
        }
        row
    });
    let events = events.collect();
    let user = (!random.chance(4)).then(|| row(random, USERS, &[("USER_ID", "u".into())]));
    let current_item = (!random.chance(4)).then(|| format!("i{}", random.below(n + 1)));
    (World { items, user, events, current_item }, file)
}

// The naive evaluator.

/// The expression as it is read from what it prints; seldom one is too large.
fn read_back(seed: u64, built: &Expression) -> Option<Expression> {
    let printed = built.to_string();
    match Expression::parse(&printed) {
        Ok(read) => {
            assert_eq!(read, *built, "case {seed}: {printed}");
            Some(read)
        }
        Err(error) => {
            assert!(error.problem.contains("at most"), "case {seed}: {printed}: {error}");
            None
        }
    }
}

/// Values for parameters, as they are meant and as a request gives them.
fn given(
    random: &mut Random,
    seed: u64,
    read: &Expression,
    parameters: &Parameters,
) -> (BTreeMap<String, Vec<String>>, Values) {
    let needed: BTreeSet<&str> =
        read.parameters().into_iter().filter(|(_, required)| *required).map(|(name, _)| name).collect();
    let mut given = BTreeMap::new();
    for (name, (is_text, _)) in parameters {
        if !needed.contains(name.as_str()) && random.chance(3) {
            continue;
        }
        let text = if *is_text {
            // One value: the parameter may stand behind a comparison.
            random.one(&WORDS[..WORDS.len() - 1]).to_owned()
        } else {
            random.one(NUMBERS).to_string()
        };
        given.insert(name.clone(), vec![text]);
    }
    let quoted = |values: &Vec<String>| {
        let quote = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        values.iter().map(quote).collect::<Vec<_>>().join(",")
    };
    let texts = given.iter().map(|(name, values)| (name.clone(), quoted(values))).collect();
    let values = Values::read(read, &texts).unwrap_or_else(|error| panic!("case {seed}: {read}: {error}"));
    (given, values)
}

fn case(seed: u64, schemas: &[Schema; 3]) -> Tally {
    let random = &mut Random(seed);
    let (world, file) = world(random);
    let [items_schema, users_schema, interactions_schema] = schemas;
    let mut items =
        CatalogueBuilder::new(Some(items_schema), "ITEM_ID", world.items.iter().map(|(id, _)| id.as_str()));
    // In two pieces, as parts come, and then some rows that were put one by one.
    let (imported, put) = file.split_at(file.len() - random.below(1 + file.len() / 4));
    let (first, second) = imported.split_at(imported.len() / 2);
    for rows in [first, second] {
        items.push_columns(&typed(rows, &items.names(), ITEMS)).unwrap();
    }
    put.iter().for_each(|row| items.push_record(&record(row, "ITEM_ID")));
    let items = items.finish();
    let mut users = CatalogueBuilder::new(Some(users_schema), "USER_ID", std::iter::once("somebody else"));
    let rows: Vec<Row> = world.user.iter().cloned().collect();
    users.push_columns(&typed(&rows, &users.names(), USERS)).unwrap();
    let users = users.finish();
    let mut index = EventIndexBuilder::new(interactions_schema, &["USER_ID", "DEVICE", "AMOUNT"]);
    // The last of those with a type came in live.
    let live =
        random.below(1 + world.events.iter().rev().take_while(|row| row.contains_key("EVENT_TYPE")).count());
    let (imported, live) = world.events.split_at(world.events.len() - live);
    index
        .push_columns(&typed(imported, &index.names(), INTERACTIONS))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut events = index.finish().of("u");
    events.extend(live.iter().filter_map(|row| UserEvent::told("u", &told(row), interactions_schema)));
    let events = latest(events, FILTER_EVENTS_PER_TYPE);

    let cut = usize::from(latest_rows(&world.events).len() < world.events.len());
    let mut tally = Tally { cut, ..Tally::default() };
    for _ in 0..EXPRESSIONS {
        let mut parameters = Parameters::new();
        let built = expression(random, Target::Item, &mut parameters);
        let Some(read) = read_back(seed, &built) else { continue };
        let (given, values) = given(random, seed, &read, &parameters);
        let question = Question {
            schemas: Schemas {
                interactions: Some(interactions_schema),
                items: Some(items_schema),
                users: Some(users_schema),
                ..Schemas::default()
            },
            items: &items,
            users: &users,
            user: Some("u"),
            item: world.current_item.as_deref(),
            events: &events,
            values: &values,
        };
        let found = match passing(&read, &question) {
            Ok(found) => found,
            Err(error) => {
                let no_item = world.current_item.is_none() && read.reads_current_item();
                assert!(no_item, "case {seed}: {read}: {error}");
                continue;
            }
        };
        let expected = naive(&world, &given, &read);
        for (row, (id, _)) in world.items.iter().enumerate() {
            let (bit, by_id) = (found.has(row as u32), found.has_id(id));
            assert_eq!((bit, by_id), (expected[row], expected[row]), "case {seed}, item {id}: {read}");
        }
        let count = expected.iter().filter(|&&pass| pass).count();
        assert_eq!(found.count(), count, "case {seed}: {read}");
        // Whether the filter told items apart.
        tally.telling += usize::from(count > 0 && count < expected.len());
        tally.compared += 1;
    }
    tally
}

/// Filters of users, by their columns and by what they did.
fn user_case(seed: u64, schemas: &[Schema; 3]) -> Tally {
    let random = &mut Random(!seed);
    let [_, users_schema, interactions_schema] = schemas;
    let n = 1 + random.below(12);
    let names: Vec<String> = (0..n).map(|user| format!("u{user}")).collect();
    let mut users = CatalogueBuilder::new(Some(users_schema), "USER_ID", names.iter().map(String::as_str));
    let mut index = EventIndexBuilder::new(interactions_schema, &["USER_ID", "DEVICE", "AMOUNT"]);
    let mut people: Vec<(Row, Vec<Row>)> = vec![];
    for name in &names {
        let own = ("USER_ID", name.clone());
        let row = if random.chance(4) { Row::new() } else { row(random, USERS, std::slice::from_ref(&own)) };
        if !row.is_empty() {
            users.push_columns(&typed(std::slice::from_ref(&row), &users.names(), USERS)).unwrap();
        }
        let event = |_| {
            let mut row = self::row(random, INTERACTIONS, &[("ITEM_ID", "i".into()), own.clone()]);
            row.insert("TIMESTAMP", Raw::Whole(random.below(4) as i64));
            row
        };
        let events: Vec<Row> = (0..n % 4).map(event).collect();
        index.push_columns(&typed(&events, &index.names(), INTERACTIONS)).unwrap();
        people.push((row, events));
    }
    let (users, index) = (users.finish(), index.finish());
    let schemas =
        Schemas { interactions: Some(interactions_schema), users: Some(users_schema), ..Schemas::default() };
    let world = World { items: vec![], user: None, events: vec![], current_item: None };

    let mut tally = Tally::default();
    for _ in 0..EXPRESSIONS {
        let mut parameters = Parameters::new();
        let built = expression(random, Target::User, &mut parameters);
        let Some(read) = read_back(seed, &built) else { continue };
        let (given, values) = given(random, seed, &read, &parameters);
        let found = passing_users(&read, schemas, &users, |user| index.of(user), &values)
            .unwrap_or_else(|error| panic!("case {seed}: {read}: {error}"));
        let holds_all =
            |all: &[Condition], row| all.iter().all(|test| holds(&world, &given, test, Some(row)));
        let of = |effect| built.parts.iter().filter(move |part| part.effect == effect);
        let mut count = 0;
        for (number, (row, events)) in people.iter().enumerate() {
            let kept = latest_rows(events);
            let matches = |part: &Part| {
                part.any_of.iter().any(|all| match all[0].field.source {
                    Source::Interactions => kept.iter().any(|event| holds_all(all, event)),
                    _ => holds_all(all, row),
                })
            };
            let included = of(Effect::Include).count() == 0 || of(Effect::Include).any(matches);
            let expected = included && !of(Effect::Exclude).any(matches);
            assert_eq!(found.has(number as u32), expected, "case {seed}, user {number}: {read}");
            count += usize::from(expected);
        }
        tally.telling += usize::from(count > 0 && count < n);
        tally.compared += 1;
    }
    tally
}

#[test]
fn every_filter_agrees_with_an_evaluator_that_looks_at_one_item_at_a_time() {
    let schemas = [schema("I", ITEMS), schema("U", USERS), schema("E", INTERACTIONS)];
    if let Ok(seed) = std::env::var("CASE") {
        case(seed.parse().unwrap(), &schemas);
        user_case(seed.parse().unwrap(), &schemas);
        return;
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let tally: Tally = std::thread::scope(|scope| {
        let schemas = &schemas;
        let work = |first: u64| {
            // Every tenth is a filter of users.
            let case = |seed| if seed % 10 == 0 { user_case(seed, schemas) } else { case(seed, schemas) };
            move || (first..CASES).step_by(threads as usize).map(case).sum()
        };
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn::<_, Tally>(work(first))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // Otherwise the generator, not the filter, would be what is right.
    let Tally { compared, telling, cut } = tally;
    assert!(compared >= COMPARED, "only {compared} pairs were compared");
    assert!(telling > compared / 4, "only {telling} cases let some items pass and others not");
    assert!(cut > CASES as usize / 200, "only {cut} users did more than a filter looks at");
}
