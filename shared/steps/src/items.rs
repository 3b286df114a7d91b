//! What the Items dataset says, for the recipes that learn from it.

use dataset::{Interactions, Schema, TableReader};
use domain::resource::{DatasetType, SolutionVersion};

use crate::Steps;
use crate::failure::{Doing, Failure};

impl Steps {
    /// The interactions of a version and, where there are any, the columns that describe their items.
    /// Items that nobody met yet follow the others.
    pub(crate) async fn described(
        &self,
        version: &SolutionVersion,
        interactions: &str,
        items: Option<&str>,
    ) -> Result<Interactions, Failure> {
        let mut data = self.interactions(version, interactions).await?;
        let Some(key) = items else { return Ok(data) };
        let manifest = self.manifest(key).await?;
        let schema = Schema::parse(&manifest.schema).doing(|| format!("reading the schema in {key}"))?;
        let mut reader = TableReader::new(&schema, DatasetType::Items);
        for part in manifest.parts {
            let bytes = self.part(&part).await?;
            reader = tokio::task::spawn_blocking(move || reader.push(bytes).map(|()| reader))
                .await
                .doing(|| format!("reading {}", part.key))?
                .doing(|| format!("reading {}", part.key))?;
        }
        data.describe(Some(&reader.finish()), None);
        Ok(data)
    }
}
