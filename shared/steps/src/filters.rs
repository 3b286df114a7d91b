//! Filters, where the model and the data are: which items may be answered.
//!
//! A filter is evaluated with each request over the newest active data, in columns that stay in memory as
//! long as their snapshot is the active one: those of Items and Users, and the latest 100 interactions of
//! each user and event type, from the first filter that tests them on. [`filter::passing`] makes a set of
//! items of it, and [`recipe::Recommender::recommend_within`] takes the best of that set from the scores of
//! all items. So nothing that was filtered can come back, and a list is as long as the catalogue allows.
//! Reading the stored list first would save nothing, because the columns are not where lists are read.
//!
//! Items and users that were put one by one replace those of the snapshot; see [`crate::newest`].
//!
//! What the hosted service leaves open is decided in the module comments of `filter`'s `parse.rs`,
//! `check.rs` and `evaluate.rs`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dataset::Schema;
use domain::Arn;
use domain::event::Event;
use domain::resource::{Dataset, DatasetType};
use filter::ast::{Source, Target};
use filter::{
    Catalogue, CatalogueBuilder, EventIndex, EventIndexBuilder, Expression, Passing, Question, RequestError,
    Schemas, UserEvent, Values,
};

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::models::{Kept, ServedModel};
use crate::newest::{Newest, Put, Snapshot, key};

/// Snapshots of each dataset that are kept.
const KEPT: usize = 4;

/// What was imported into a dataset, and the schema that it follows.
struct Loaded<T, S = Schema> {
    schema: S,
    data: T,
}

/// Loads what filters look at, and keeps the latest of it. Clones share it.
#[derive(Clone)]
pub struct Filters {
    steps: Steps,
    /// By version too, because items are numbered as its model numbers them.
    items: Kept<(Arn, Option<Snapshot>), Numbered>,
    users: Kept<Snapshot, Loaded<Catalogue>>,
    /// By the columns that are tested.
    events: Kept<(Snapshot, Vec<String>), Loaded<EventIndex>>,
    newest: Newest,
}

/// What a model numbers, and the dataset of it where there is one.
type Numbered = Loaded<Catalogue, Option<Schema>>;

/// A filter with everything that it looks at.
pub struct Prepared {
    expression: Expression,
    /// Whether it is actions that are to be answered.
    of_actions: bool,
    items: Arc<Numbered>,
    /// Nothing where there is no such dataset, or the filter does not look at it.
    users: Option<Arc<Loaded<Catalogue>>>,
    events: Option<Arc<Loaded<EventIndex>>>,
}

/// A filter of users with everything that it looks at.
pub struct PreparedUsers {
    expression: Expression,
    users: Numbered,
    events: Option<Arc<Loaded<EventIndex>>>,
}

impl Filters {
    /// Nothing is loaded before it is asked for.
    pub fn new(newest: Newest) -> Self {
        let (items, users, events) = (Kept::keeping(KEPT), Kept::keeping(KEPT), Kept::keeping(KEPT));
        Self { steps: newest.steps().clone(), items, users, events, newest }
    }

    /// A filter of a dataset group, ready for the items of a version's model.
    ///
    /// Fails as the caller's when the expression cannot be read.
    pub async fn prepare(
        &self,
        expression: &str,
        group: &Arn,
        version: &Arn,
        model: &ServedModel,
    ) -> Result<Prepared, Failure> {
        let expression = Expression::parse(expression).map_err(|error| Failure::caller(error.to_string()))?;
        // What the expression tests: items and interactions with them, or actions and those.
        let of_actions = model.loaded.model.actions().is_some();
        let items = async {
            match of_actions {
                true => self.actions(group, version, model).await,
                false => self.items(group, version, model).await,
            }
        };
        let users = async {
            match expression.reads(Source::CurrentUser) {
                true => self.users(group).await,
                false => Ok(None),
            }
        };
        let events = async {
            match expression.reads(Source::Interactions) || expression.reads(Source::ActionInteractions) {
                true => self.events(group, &expression).await,
                false => Ok(None),
            }
        };
        let (items, users, events) = tokio::try_join!(items, users, events)?;
        Ok(Prepared { expression, of_actions, items, users, events })
    }

    /// A filter of users of a dataset group, ready for the users that a model numbers.
    ///
    /// Fails as the caller's when the expression cannot be read.
    pub async fn prepare_users(
        &self,
        expression: &str,
        group: &Arn,
        model: &ServedModel,
    ) -> Result<PreparedUsers, Failure> {
        let expression = Expression::parse(expression).map_err(|error| Failure::caller(error.to_string()))?;
        let ids = model.data.users.iter();
        let users = match self.steps.dataset(group, DatasetType::Users).await? {
            Some(dataset) => {
                let put = self.newest.put(group, DatasetType::Users).await?;
                let Loaded { schema, data } = self.load_users(&dataset, &put, ids).await?;
                Loaded { schema: Some(schema), data }
            }
            None => Loaded { schema: None, data: CatalogueBuilder::new(None, "USER_ID", ids).finish() },
        };
        let events = match expression.reads(Source::Interactions) {
            true => self.events(group, &expression).await?,
            false => None,
        };
        Ok(PreparedUsers { expression, users, events })
    }

    /// The model's items, numbered as it numbers them, and after them what else the Items dataset has.
    async fn items(&self, group: &Arn, version: &Arn, model: &ServedModel) -> Result<Arc<Numbered>, Failure> {
        let dataset = self.steps.dataset(group, DatasetType::Items).await?;
        let put = self.newest.put(group, DatasetType::Items).await?;
        let load = async {
            let (schema, parts) = match &dataset {
                Some(dataset) => {
                    self.newest.snapshot(dataset).await.map(|(schema, parts)| (Some(schema), parts))?
                }
                None => (None, vec![]),
            };
            let builder = CatalogueBuilder::new(schema.as_ref(), "ITEM_ID", model.loaded.items.iter());
            let builder = self.newest.read(&parts, builder, |builder, part| builder.push(part)).await?;
            Ok(Numbered { schema, data: finished(builder, &put).await? })
        };
        let snapshot = dataset.as_ref().map(|dataset| key(dataset, put.identity));
        self.items.get(&(version.clone(), snapshot), load).await
    }

    /// The same of the model's actions and the Actions dataset.
    async fn actions(
        &self,
        group: &Arn,
        version: &Arn,
        model: &ServedModel,
    ) -> Result<Arc<Numbered>, Failure> {
        let kind = DatasetType::Actions;
        let dataset = self.steps.dataset(group, kind).await?;
        let put = self.newest.put(group, kind).await?;
        let load = async {
            let (schema, parts) = match &dataset {
                Some(dataset) => {
                    self.newest.snapshot(dataset).await.map(|(schema, parts)| (Some(schema), parts))?
                }
                None => (None, vec![]),
            };
            let known = model.loaded.model.actions().map_or(&[][..], |model| &model.actions);
            let ids = known.iter().map(|action| action.id.as_str());
            let builder = CatalogueBuilder::new(schema.as_ref(), "ACTION_ID", ids);
            let builder = self.newest.read(&parts, builder, |builder, part| builder.push(part)).await?;
            Ok(Numbered { schema, data: finished(builder, &put).await? })
        };
        let snapshot = dataset.as_ref().map(|dataset| key(dataset, put.identity));
        self.items.get(&(version.clone(), snapshot), load).await
    }

    async fn users(&self, group: &Arn) -> Result<Option<Arc<Loaded<Catalogue>>>, Failure> {
        let Some(dataset) = self.steps.dataset(group, DatasetType::Users).await? else { return Ok(None) };
        let put = self.newest.put(group, DatasetType::Users).await?;
        let load = self.load_users(&dataset, &put, std::iter::empty());
        let snapshot = key(&dataset, put.identity);
        // Nobody asks for older ones any more, and users may have been deleted since.
        self.users.retain(|kept| kept.0 != snapshot.0 || *kept == snapshot).await;
        self.users.get(&snapshot, load).await.map(Some)
    }

    /// The Users dataset; `first` get the first numbers.
    async fn load_users<'a>(
        &self,
        dataset: &Dataset,
        put: &Arc<Put>,
        first: impl Iterator<Item = &'a str>,
    ) -> Result<Loaded<Catalogue>, Failure> {
        let (schema, parts) = self.newest.snapshot(dataset).await?;
        let builder = CatalogueBuilder::new(Some(&schema), "USER_ID", first);
        let builder = self.newest.read(&parts, builder, |builder, part| builder.push(part)).await?;
        Ok(Loaded { schema, data: finished(builder, put).await? })
    }

    /// The interactions by user, with the columns that an expression tests.
    async fn events(
        &self,
        group: &Arn,
        expression: &Expression,
    ) -> Result<Option<Arc<Loaded<EventIndex>>>, Failure> {
        let (kind, source) = match expression.target() {
            Target::Action => (DatasetType::ActionInteractions, Source::ActionInteractions),
            Target::Item | Target::User => (DatasetType::Interactions, Source::Interactions),
        };
        let Some(dataset) = self.steps.dataset(group, kind).await? else { return Ok(None) };
        let tested = expression.fields().into_iter().filter(|(tested, _)| *tested == source);
        let tested: Vec<String> = tested.map(|(_, column)| column).collect();
        let load = async {
            let (schema, parts) = self.newest.snapshot(&dataset).await?;
            let names = schema.fields.iter().map(|field| field.name.as_str());
            let columns: Vec<&str> =
                names.filter(|name| tested.contains(&name.to_ascii_uppercase())).collect();
            let builder = EventIndexBuilder::new(&schema, &columns);
            let builder = self.newest.read(&parts, builder, |builder, part| builder.push(part)).await?;
            let data = tokio::task::spawn_blocking(move || builder.finish()).await;
            Ok(Loaded { schema, data: data.doing(|| "sorting interactions".into())? })
        };
        let snapshot = key(&dataset, 0);
        self.events.retain(|(kept, _)| kept.0 != snapshot.0 || *kept == snapshot).await;
        self.events.get(&(snapshot, tested.clone()), load).await.map(Some)
    }
}

/// The catalogue, with what was put one by one in place of what was imported.
async fn finished(mut builder: CatalogueBuilder, put: &Arc<Put>) -> Result<Catalogue, Failure> {
    let put = put.clone();
    let finish = move || {
        put.records.iter().for_each(|record| builder.push_record(record));
        builder.finish()
    };
    tokio::task::spawn_blocking(finish).await.doing(|| "putting a catalogue together".into())
}

impl PreparedUsers {
    /// Whether the answer depends on what users did.
    pub fn reads_interactions(&self) -> bool {
        self.events.is_some()
    }

    /// The users that pass: numbers of the model first, then what else the Users dataset knows. `told` are
    /// the events that came in live, by user.
    ///
    /// Fails when the values do not fit the filter, or the filter no longer fits the data.
    pub fn apply(
        &self,
        values: &BTreeMap<String, String>,
        told: &HashMap<String, Vec<Event>>,
    ) -> Result<Passing<'_>, RequestError> {
        let values = Values::read(&self.expression, values)?;
        let schemas = Schemas {
            interactions: self.events.as_ref().map(|events| &events.schema),
            users: self.users.schema.as_ref(),
            ..Schemas::default()
        };
        let events = |user: &str| {
            let told = told.get(user).map(Vec::as_slice).unwrap_or_default();
            self.events.as_ref().map_or_else(Vec::new, |events| events.of(user, told))
        };
        filter::passing_users(&self.expression, schemas, &self.users.data, events, &values)
    }
}

impl Loaded<EventIndex> {
    /// The latest interactions of a user, imported and live.
    fn of(&self, user: &str, told: &[Event]) -> Vec<UserEvent> {
        let mut events = self.data.of(user);
        if told.is_empty() {
            return events;
        }
        events.extend(told.iter().filter_map(|event| UserEvent::told(user, event, &self.schema)));
        filter::events::latest(events, self.data.most())
    }
}

impl Prepared {
    /// Whether the answer depends on what the user did.
    pub fn reads_interactions(&self) -> bool {
        self.events.is_some()
    }

    /// The items that pass for one request: numbers of the model first, then what else the Items dataset
    /// knows. `told` are the events of the user that came in live.
    ///
    /// Fails when the values do not fit the filter, or the filter no longer fits the data.
    pub fn apply(
        &self,
        values: &BTreeMap<String, String>,
        user: Option<&str>,
        item: Option<&str>,
        told: &[Event],
    ) -> Result<Passing<'_>, RequestError> {
        let values = Values::read(&self.expression, values)?;
        let events = match (&self.events, user) {
            (Some(events), Some(user)) => events.of(user, told),
            _ => vec![],
        };
        let nobody = Catalogue::default();
        let question = Question {
            schemas: match self.expression.target() {
                Target::Action => Schemas {
                    actions: self.items.schema.as_ref(),
                    action_interactions: self.events.as_ref().map(|events| &events.schema),
                    users: self.users.as_ref().map(|users| &users.schema),
                    ..Schemas::default()
                },
                Target::Item | Target::User => Schemas {
                    interactions: self.events.as_ref().map(|events| &events.schema),
                    items: self.items.schema.as_ref(),
                    users: self.users.as_ref().map(|users| &users.schema),
                    ..Schemas::default()
                },
            },
            items: &self.items.data,
            users: self.users.as_ref().map_or(&nobody, |users| &users.data),
            user,
            item,
            events: &events,
            values: &values,
        };
        match self.of_actions {
            true => filter::passing_actions(&self.expression, &question),
            false => filter::passing(&self.expression, &question),
        }
    }
}
