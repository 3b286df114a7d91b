//! The themes of a batch job's lists: what they are made of is read once.

use dataset::Schema;
use dataset::schema::FieldType;
use domain::Arn;
use domain::resource::DatasetType;
use recipe::themes::{Columns, Themes};

use crate::Steps;
use crate::described::DescribedItems;
use crate::failure::{Doing, Failure};
use crate::newest::Newest;

/// Reads the newest data of a group's Items dataset; `name` is the column with the names of items, in any
/// case.
///
/// Fails as the caller's when there is no such dataset, or no such column any more.
pub(super) async fn read(steps: &Steps, group: &Arn, name: &str) -> Result<Themes, Failure> {
    let dataset = steps.dataset(group, DatasetType::Items).await?;
    let dataset = dataset.ok_or_else(|| {
        Failure::caller(format!("Themes are made of the Items dataset, which {group} has not."))
    })?;
    let newest = Newest::new(steps.clone());
    let schema = newest.schema(&dataset).await?;
    let columns = columns(&schema, name).ok_or_else(|| {
        Failure::caller(format!("{} has no column {name} with the names of items.", dataset.arn))
    })?;
    let data = DescribedItems::new(newest).load(&dataset, &columns.all()).await?;
    let themes = move || Themes::of(&data, &columns);
    tokio::task::spawn_blocking(themes)
        .await
        .doing(|| format!("finding what items of {group} have in common"))
}

fn columns(schema: &Schema, name: &str) -> Option<Columns> {
    let texts = || schema.fields.iter().filter(|field| field.kind == FieldType::String);
    Some(Columns {
        name: texts().find(|field| field.name.eq_ignore_ascii_case(name))?.name.clone(),
        categorical: texts().filter(|field| field.categorical).map(|field| field.name.clone()).collect(),
        textual: texts().filter(|field| field.textual).map(|field| field.name.clone()).collect(),
    })
}
