//! `osusume filter explain`: how an expression is read, and what it lets pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use dataset::{ImportOptions, MemorySink, NamedInput, Schema, import_csv};
use filter::{
    Catalogue, CatalogueBuilder, EventIndex, EventIndexBuilder, Expression, Question, Schemas, Values, check,
    passing,
};
use serde_json::json;

use super::infer_schema;
use crate::cli::ExplainFilter;

/// Items of the answer that are shown.
const SHOWN: usize = 5;

/// Prints the parse tree and, with data, how many items pass.
pub fn explain(options: &ExplainFilter) -> anyhow::Result<()> {
    let expression = Expression::parse(&options.expression)
        .map_err(|error| anyhow::anyhow!("{error}\n{}", pointed(&options.expression, error.at)))?;
    let counted = match &options.items {
        Some(items) => Some(count(&expression, items, options)?),
        None if options.users.is_some() || options.interactions.is_some() => {
            bail!("give the items with --items FILE: it is they that are counted")
        }
        None => None,
    };
    if options.json {
        let parameters: Vec<_> = expression
            .parameters()
            .into_iter()
            .map(|(name, required)| json!({ "name": name, "required": required }))
            .collect();
        let mut document = json!({
            "expression": expression.to_string(),
            "parts": expression.to_json(),
            "parameters": parameters,
        });
        if let Some(Counted { passing, items, first }) = &counted {
            document["items"] = json!({ "passing": passing, "all": items, "first": first });
        }
        println!("{document:#}");
        return Ok(());
    }
    print!("{}", expression.tree());
    for (name, required) in expression.parameters() {
        println!("${name}: {}", if required { "every request must give it" } else { "may be left out" });
    }
    if let Some(Counted { passing, items, first }) = counted {
        println!(
            "{passing} of {items} items pass{}",
            if first.is_empty() { "" } else { ", the first of them:" }
        );
        first.iter().for_each(|id| println!("  {id}"));
    }
    Ok(())
}

/// The expression with a mark below the place of a mistake.
fn pointed(text: &str, at: usize) -> String {
    // Line breaks and tabs would put the mark elsewhere.
    let flat: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    format!("  {flat}\n  {}^", " ".repeat(at.saturating_sub(1)))
}

struct Counted {
    passing: usize,
    items: usize,
    first: Vec<String>,
}

fn count(expression: &Expression, items: &Path, options: &ExplainFilter) -> anyhow::Result<Counted> {
    let items = Data::read(items, "items", options.schema.as_deref())?;
    let users = options.users.as_deref().map(|path| Data::read(path, "users", None)).transpose()?;
    let interactions = options.interactions.as_deref();
    let interactions = interactions.map(|path| Data::read(path, "interactions", None)).transpose()?;
    let schemas = Schemas {
        interactions: interactions.as_ref().map(|data| &data.schema),
        items: Some(&items.schema),
        users: users.as_ref().map(|data| &data.schema),
        ..Schemas::default()
    };
    check::check(expression, &schemas)?;
    let items_table = items.table("ITEM_ID")?;
    let users_table = match &users {
        Some(users) => users.table("USER_ID")?,
        None => Catalogue::default(),
    };
    let index = interactions.as_ref().map(Data::index).transpose()?.unwrap_or_default();
    let mut given = BTreeMap::new();
    for pair in &options.values {
        let (name, value) = pair.split_once('=').with_context(|| format!("'{pair}' is not NAME=VALUE"))?;
        given.insert(name.to_owned(), value.to_owned());
    }
    let values = Values::read(expression, &given)?;
    let events = options.user.as_deref().map(|user| index.of(user)).unwrap_or_default();
    let question = Question {
        schemas,
        items: &items_table,
        users: &users_table,
        user: options.user.as_deref(),
        item: options.item.as_deref(),
        events: &events,
        values: &values,
    };
    let passing = passing(expression, &question)?;
    Ok(Counted {
        passing: passing.count(),
        items: items_table.len(),
        first: passing.ids().take(SHOWN).map(str::to_owned).collect(),
    })
}

/// A CSV file as an import would keep it.
struct Data {
    schema: Schema,
    parts: MemorySink,
}

impl Data {
    fn read(path: &Path, dataset_type: &str, schema: Option<&Path>) -> anyhow::Result<Self> {
        let schema = match schema {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Schema::parse(&text)?
            }
            None => infer_schema::infer(path, Some(dataset_type))?.schema,
        };
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let input = NamedInput { name: path.display().to_string(), reader: Box::new(file) };
        let mut parts = MemorySink::default();
        import_csv([input], &schema, &ImportOptions::default(), &mut parts, &|_| {})?;
        Ok(Self { schema, parts })
    }

    fn table(&self, key: &'static str) -> anyhow::Result<Catalogue> {
        let mut builder = CatalogueBuilder::new(Some(&self.schema), key, std::iter::empty());
        for part in &self.parts.parts {
            builder.push(part.data.clone())?;
        }
        Ok(builder.finish())
    }

    fn index(&self) -> anyhow::Result<EventIndex> {
        let columns: Vec<&str> = self.schema.fields.iter().map(|field| field.name.as_str()).collect();
        let mut builder = EventIndexBuilder::new(&self.schema, &columns);
        for part in &self.parts.parts {
            builder.push(part.data.clone())?;
        }
        Ok(builder.finish())
    }
}
