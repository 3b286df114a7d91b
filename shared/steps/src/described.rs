//! Columns of the Items dataset that an answer shows beside its items.
//!
//! They are those of the newest active data, with what was put one by one in place of what was imported,
//! so an answer shows what a filter of the same moment looks at. Only columns that were asked for are in
//! memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dataset::{Descriptions, Schema};
use domain::Arn;
use domain::resource::{Campaign, Dataset, DatasetType, SolutionVersion};
use serde::Deserialize;

use crate::failure::{Doing, Failure};
use crate::models::Kept;
use crate::newest::{Newest, Snapshot, key};

/// Sets of columns that are kept.
const KEPT: usize = 16;
const ITEM_ID: &str = "ITEM_ID";
/// Columns of an Items dataset that may hold a title, the likeliest first.
const TITLE_COLUMNS: [&str; 3] = ["TITLE", "NAME", "ITEM_NAME"];

/// Values of an item by the names of its columns.
pub type Shown = BTreeMap<String, String>;

/// Which items are described, and in which columns.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Described {
    /// Ids.
    pub items: Vec<String>,
    /// Names of columns, in any case.
    pub columns: Vec<String>,
}

/// Loads columns on demand and keeps the latest ones. Clones share them.
#[derive(Clone)]
pub struct DescribedItems {
    newest: Newest,
    kept: Kept<(Snapshot, Vec<String>), Descriptions>,
}

impl DescribedItems {
    /// Nothing is loaded before it is asked for.
    pub fn new(newest: Newest) -> Self {
        Self { newest, kept: Kept::keeping(KEPT) }
    }

    /// What items have in some columns, in the order of the items.
    ///
    /// Fails as the caller's when there is no Items dataset, or a column is not in its schema.
    pub async fn describe(&self, group: &Arn, asked: &Described) -> Result<Vec<Shown>, Failure> {
        let dataset = self.newest.steps().dataset(group, DatasetType::Items).await?;
        let dataset = dataset.ok_or_else(|| {
            Failure::caller(format!(
                "The dataset group {group} has no Items dataset whose columns could be shown: create one, or \
                 leave 'metadataColumns' out."
            ))
        })?;
        let schema = self.newest.schema(&dataset).await?;
        let named = columns(&schema, &dataset, &asked.columns)?;
        let data = self.load(&dataset, &named).await?;
        let shown = |item: &String| {
            let values = data.of(item);
            let value = |(asked, name): (&String, &String)| {
                values.get(name.as_str()).map(|&value| (asked.clone(), value.to_owned()))
            };
            asked.columns.iter().zip(&named).filter_map(value).collect()
        };
        Ok(asked.items.iter().map(shown).collect())
    }

    /// The titles of items, where the Items dataset has a column of titles and one for the item.
    pub async fn titles(&self, group: &Arn, items: &[String]) -> Result<HashMap<String, String>, Failure> {
        let dataset = self.newest.steps().dataset(group, DatasetType::Items).await?;
        let Some(dataset) = dataset.filter(|_| !items.is_empty()) else { return Ok(HashMap::new()) };
        let schema = self.newest.schema(&dataset).await?;
        let there = |title: &&str| schema.fields.iter().any(|field| field.name == **title);
        let Some(column) = TITLE_COLUMNS.iter().copied().find(there) else { return Ok(HashMap::new()) };
        let data = self.load(&dataset, &[column.to_owned()]).await?;
        let title = |item: &String| Some((item.clone(), data.value(item, column)?.to_owned()));
        Ok(items.iter().filter_map(title).collect())
    }

    /// The same for items that a campaign answers with.
    pub async fn titles_for(
        &self,
        campaign: &Arn,
        items: &[String],
    ) -> Result<HashMap<String, String>, Failure> {
        let steps = self.newest.steps();
        let campaign = steps.existing::<Campaign>(campaign).await?;
        let version = steps.existing::<SolutionVersion>(&campaign.solution_version).await?;
        self.titles(&version.dataset_group, items).await
    }

    /// Some columns of an Items dataset, named as its schema names them.
    pub(crate) async fn load(
        &self,
        dataset: &Dataset,
        named: &[String],
    ) -> Result<Arc<Descriptions>, Failure> {
        let put = self.newest.put(&dataset.dataset_group, DatasetType::Items).await?;
        let mut columns = named.to_vec();
        columns.sort();
        columns.dedup();
        let load = async {
            let (_, parts) = self.newest.snapshot(dataset).await?;
            let data = Descriptions::new(ITEM_ID, columns.clone());
            let mut data = self.newest.read(&parts, data, |data, part| data.push(part)).await?;
            let put = put.clone();
            let finish = move || {
                put.records.iter().for_each(|record| data.push_record(record));
                data
            };
            tokio::task::spawn_blocking(finish).await.doing(|| "putting columns together".into())
        };
        let snapshot = key(dataset, put.identity);
        // Nobody asks for older ones any more.
        self.kept.retain(|(kept, _)| kept.0 != snapshot.0 || *kept == snapshot).await;
        self.kept.get(&(snapshot, columns.clone()), load).await
    }
}

/// The names that the schema has for columns.
fn columns(schema: &Schema, dataset: &Dataset, asked: &[String]) -> Result<Vec<String>, Failure> {
    let name = |asked: &String| {
        let field = schema.fields.iter().find(|field| field.name.eq_ignore_ascii_case(asked));
        field.map(|field| field.name.clone()).ok_or_else(|| {
            let there: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
            Failure::caller(format!(
                "'metadataColumns' names the column {asked}, which {} does not have; it has {}.",
                dataset.arn,
                there.join(", ")
            ))
        })
    };
    asked.iter().map(name).collect()
}
