//! The live layer beside the imported data, as a training reads it.
//!
//! A training reads through a manifest of its own: the imported parts, and after them parts with the
//! events, items or users that came in live until then. It is written once, so the training, every shard
//! of a deployment and a repeated attempt number users and items alike, whatever comes in meanwhile; and
//! `model.json` names it as the data that the model was trained on.

use dataset::Manifest;
use dataset::csv::{ImportOptions, MemorySink, NamedInput, import_csv, write_field};
use dataset::schema::{Field, Schema, rules};
use domain::Arn;
use domain::event::{Event, Record};
use domain::hash::fnv1a64;
use domain::resource::{self, DatasetType, SolutionVersion};
use store::Told;

use crate::failure::{Doing, Failure};
use crate::{Steps, keys};

/// What came into a dataset group live, at one moment.
#[derive(Default)]
pub struct Live {
    events: Vec<Told>,
    items: Vec<Record>,
    users: Vec<Record>,
    actions: Vec<Record>,
    action_events: Vec<Told>,
}

impl Live {
    /// For each dataset with any of it, its name and an identity that changes with the content, as
    /// `domain::TrainingData::with` takes them.
    pub(crate) fn identities(&self) -> Vec<(&'static str, String)> {
        fn told(events: &[Told]) -> Vec<&str> {
            events.iter().flat_map(|told| [told.user.as_str(), told.event.id.as_str()]).collect()
        }
        let sources = [
            ("EVENTS", told(&self.events)),
            ("PUT ITEMS", texts(&self.items)),
            ("PUT USERS", texts(&self.users)),
            ("PUT ACTIONS", texts(&self.actions)),
            ("ACTION EVENTS", told(&self.action_events)),
        ];
        let some = sources.into_iter().filter(|(_, texts): &(_, Vec<&str>)| !texts.is_empty());
        some.map(|(source, texts)| (source, format!("{:016x}", fnv1a64(texts)))).collect()
    }
}

/// All texts of some records; an empty one, which no column's name is, comes before each id.
pub(crate) fn texts(records: &[Record]) -> Vec<&str> {
    let mut texts = Vec::new();
    for Record { id, columns } in records {
        texts.extend(["", id.as_str()]);
        texts.extend(columns.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    }
    texts
}

impl Steps {
    /// Reads what came into a group live.
    pub async fn live(&self, group: &Arn) -> Result<Live, Failure> {
        let reading = || format!("reading what came into {group} live");
        Ok(Live {
            events: self.events.all(group).await.doing(reading)?,
            items: self.events.records(group, DatasetType::Items).await.doing(reading)?,
            users: self.events.records(group, DatasetType::Users).await.doing(reading)?,
            actions: self.events.records(group, DatasetType::Actions).await.doing(reading)?,
            action_events: self.events.with_actions().all(group).await.doing(reading)?,
        })
    }

    /// Reads what came into one dataset of a group live.
    pub(crate) async fn live_in(&self, group: &Arn, kind: DatasetType) -> Result<Live, Failure> {
        let reading = || format!("reading what came into {} of {group} live", kind.as_str());
        let mut live = Live::default();
        match kind {
            DatasetType::Interactions => live.events = self.events.all(group).await.doing(reading)?,
            DatasetType::Items => live.items = self.events.records(group, kind).await.doing(reading)?,
            DatasetType::Users => live.users = self.events.records(group, kind).await.doing(reading)?,
            DatasetType::Actions => live.actions = self.events.records(group, kind).await.doing(reading)?,
            DatasetType::ActionInteractions => {
                live.action_events = self.events.with_actions().all(group).await.doing(reading)?;
            }
        }
        Ok(live)
    }

    /// Key of the manifest that a training of a version reads a dataset through; nothing where the group
    /// has no such dataset, or no row in it.
    ///
    /// In Items and Users a later row of an id replaces an earlier one, so what was put one by one
    /// replaces what was imported.
    pub async fn training_snapshot(
        &self,
        version: &SolutionVersion,
        kind: DatasetType,
        live: &Live,
    ) -> Result<Option<String>, Failure> {
        let group = &version.dataset_group;
        let Some(dataset) = self.dataset(group, kind).await? else { return Ok(None) };
        let imported = dataset.active.map(|snapshot| snapshot.manifest_key);
        let schema = self.schema(&dataset.schema).await?;
        let parts = self.live_parts(kind, schema.clone(), live, &version.arn).await?;
        if parts.is_empty() {
            return Ok(imported);
        }
        let mut manifest = match &imported {
            Some(key) => self.manifest(key).await?,
            None => Manifest::new(kind, &schema),
        };
        // It may have columns that the imported rows have not.
        manifest.schema = schema.text;
        let prefix = format!(
            "{}{}/{}/",
            keys::training_prefix(&version.arn),
            version.attempts,
            kind.as_str().to_lowercase()
        );
        self.push_live(&mut manifest, &prefix, parts).await?;
        let at = self.objects.at(format!("{prefix}manifest.json"));
        self.objects.put(&at, manifest.to_json()).await.doing(|| format!("writing {at}"))?;
        Ok(Some(at.key))
    }

    /// The checked schema behind an ARN.
    pub(crate) async fn schema(&self, arn: &Arn) -> Result<Schema, Failure> {
        let stored = self.existing::<resource::Schema>(arn).await?;
        Schema::parse(&stored.schema)
            .map_err(|error| Failure::caller(format!("The schema {} is not valid: {error}", stored.arn)))
    }

    /// Writes parts with what came in live below a prefix, and adds them to a manifest.
    pub(crate) async fn push_live(
        &self,
        manifest: &mut Manifest,
        prefix: &str,
        parts: Vec<dataset::EncodedPart>,
    ) -> Result<(), Failure> {
        for part in parts {
            let at = self.objects.at(format!("{prefix}{}", part.name));
            manifest.push_live(at.key.clone(), &part);
            self.objects.put(&at, part.data).await.doing(|| format!("writing {at}"))?;
        }
        Ok(())
    }

    /// What came into a dataset live as parts; none where there is nothing. `reader` is the resource that
    /// is told of rows that are left out.
    pub(crate) async fn live_parts(
        &self,
        kind: DatasetType,
        mut schema: Schema,
        live: &Live,
        reader: &Arn,
    ) -> Result<Vec<dataset::EncodedPart>, Failure> {
        let csv = match kind {
            DatasetType::Interactions | DatasetType::ActionInteractions => {
                // Events need not have what imported rows must have; see `PutEvents`.
                let must = |field: &Field| rules::is_always_required(kind, &field.name);
                schema.fields.iter_mut().filter(|field| !must(field)).for_each(|field| field.nullable = true);
                let told = match kind {
                    DatasetType::Interactions => &live.events,
                    _ => &live.action_events,
                };
                written(&schema, told, of_event)
            }
            DatasetType::Items => records(&schema, kind, &live.items),
            DatasetType::Users => records(&schema, kind, &live.users),
            DatasetType::Actions => records(&schema, kind, &live.actions),
        };
        match csv {
            Some(csv) => self.parts_of(csv, schema, reader, kind).await,
            None => Ok(vec![]),
        }
    }

    /// Through the importer, so that what came in live is held to the schema as everything else is. A row
    /// that the schema no longer takes is left out and told.
    async fn parts_of(
        &self,
        csv: String,
        schema: Schema,
        reader: &Arn,
        kind: DatasetType,
    ) -> Result<Vec<dataset::EncodedPart>, Failure> {
        let options = ImportOptions {
            bad_rows_allowed: u64::MAX,
            threads: self.settings.threads,
            part_bytes: self.settings.part_bytes,
        };
        let importing = || format!("reading what came into {} live", kind.as_str());
        let (sink, left_out) = tokio::task::spawn_blocking(move || {
            let mut sink = MemorySink::default();
            let inputs = vec![NamedInput::new("live", std::io::Cursor::new(csv.into_bytes()))];
            let summary = import_csv(inputs, &schema, &options, &mut sink, &|_| {})?;
            Ok::<_, dataset::ImportFailure>((sink, summary.quarantined))
        })
        .await
        .doing(importing)?
        .doing(importing)?;
        if left_out > 0 {
            let text = format!("{left_out} rows that came into {} live do not fit its schema", kind.as_str());
            self.observer.notice(reader, &text);
        }
        Ok(sink.parts)
    }
}

fn records(schema: &Schema, kind: DatasetType, records: &[Record]) -> Option<String> {
    let key = rules::key_column(kind).unwrap_or_default();
    written(schema, records, |column, record| of_record(column, key, record))
}

/// CSV with the columns of a schema; nothing where no row is left.
fn written<T>(
    schema: &Schema,
    rows: &[T],
    value: impl Fn(&str, &T) -> Option<Option<String>>,
) -> Option<String> {
    let names = schema.fields.iter().map(|field| field.name.as_str());
    let mut csv = names.clone().collect::<Vec<_>>().join(",");
    let header = csv.len();
    'rows: for row in rows {
        let before = csv.len();
        let mut separator = '\n';
        for name in names.clone() {
            let Some(value) = value(name, row) else {
                csv.truncate(before);
                continue 'rows;
            };
            csv.push(separator);
            separator = ',';
            write_field(&mut csv, value.as_deref().unwrap_or_default());
        }
    }
    (csv.len() > header).then(|| csv + "\n")
}

/// A column of an event, with an item or with an action: nothing at all where it is no interaction, and no
/// value where it is null.
fn of_event(column: &str, told: &Told) -> Option<Option<String>> {
    let event: &Event = &told.event;
    let item = event.item.as_ref()?;
    Some(match column {
        "USER_ID" => Some(told.user.clone()),
        "ITEM_ID" | "ACTION_ID" => Some(item.clone()),
        other => event.column(other),
    })
}

fn of_record(column: &str, key: &str, record: &Record) -> Option<Option<String>> {
    Some(if column == key { Some(record.id.clone()) } else { record.columns.get(column).cloned() })
}
