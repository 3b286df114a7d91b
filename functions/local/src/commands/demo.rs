//! `osusume demo`: the whole job once, shown as it happens.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use dataset::synthetic::{self, SyntheticOptions};
use domain::ResourceKind;
use domain::resource::DatasetType;
use serde_json::{Map, json};

use crate::app::{self, App};
use crate::cli::Demo;
use crate::client;
use crate::commands::import::{self, Imported};
use crate::commands::train::{self, Plan};
use crate::commands::{evaluate, infer_schema, recommend};
use crate::console::Console;

const GROUP: &str = "demo";
const CAMPAIGN: &str = "demo-hrnn";
/// Items shown for each user.
const SHOWN: usize = 5;

/// Runs all of it and prints how long each part took.
pub async fn run(app: &App, console: &Console, options: &Demo) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut laps = Laps::new(started);

    println!("\n1. A CSV put into S3 imports itself");
    let interactions = match &options.ratings {
        Some(path) => import_path(app, console, path, DatasetType::Interactions).await?,
        None => import_generated(app, console).await?,
    };
    println!("  {}", interactions.to_text());
    if let Some(path) = &options.items {
        println!("  {}", import_path(app, console, path, DatasetType::Items).await?.to_text());
    }
    laps.lap("import");

    println!("\n2. An aws-hrnn solution version trains");
    let recipe = domain::recipes::find_by_name("aws-hrnn").context("the catalogue has no aws-hrnn")?;
    let plan = Plan {
        group: GROUP,
        solution: CAMPAIGN,
        recipe: recipe.arn().as_str().to_owned(),
        hyperparameters: Map::new(),
        event_type: None,
    };
    let version = train::train(app, &plan).await?;
    println!("  {version}");
    laps.lap("train and evaluate");

    println!("\n3. Its metrics, beside aws-popularity-count on the same split");
    print!("{}", evaluate::metrics(app, &version).await?.to_text());

    println!("\n4. Recommendations for all users are computed ahead; a campaign serves them");
    let campaign = train::deploy(app, CAMPAIGN, &version).await?;
    println!("  {campaign}");
    laps.lap("precompute and deploy");

    println!("\n5. GetRecommendations");
    for (user, remark) in
        [("1", ""), ("2", ""), ("nobody", "unknown"), ("no one either", "unknown: the same list")]
    {
        answer(app, &campaign, user, remark).await?;
    }
    laps.lap("answer");

    println!("{}", laps.to_text());
    Ok(())
}

async fn answer(app: &App, campaign: &str, user: &str, remark: &str) -> anyhow::Result<()> {
    let request = json!({ "campaignArn": campaign, "userId": user, "numResults": SHOWN });
    let asked = Instant::now();
    let answer = client::ask(app, "/recommendations", request).await?;
    let milliseconds = asked.elapsed().as_secs_f64() * 1e3;
    let remark = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
    println!("\n  user {user}{remark}, {milliseconds:.1} ms");
    let campaign = app::scope().arn(ResourceKind::Campaign, CAMPAIGN);
    let titles = recommend::titles(app, &campaign, &answer).await?;
    print!("{}", recommend::render(&answer, &titles));
    Ok(())
}

/// Imports a file of the user's, whatever its columns are called.
async fn import_path(
    app: &App,
    console: &Console,
    path: &Path,
    dataset_type: DatasetType,
) -> anyhow::Result<Imported> {
    let inferred = infer_schema::infer(path, Some(dataset_type.as_str()))?;
    for warning in &inferred.warnings {
        console.say(&format!("  {warning}"));
    }
    import::import_file(app, GROUP, dataset_type, &inferred.schema.text, path).await
}

/// Imports the generated films, their items first.
async fn import_generated(app: &App, console: &Console) -> anyhow::Result<Imported> {
    let generated = synthetic::generate(&SyntheticOptions::default());
    console.say("  no --ratings given: films, sessions and tastes are generated (always the same)");
    let (schema, csv) = (synthetic::ITEMS_SCHEMA, generated.items_csv);
    let items = import::import_bytes(app, GROUP, DatasetType::Items, schema, "films.csv", csv).await?;
    println!("  {}", items.to_text());
    let (schema, csv) = (synthetic::RATINGS_SCHEMA, generated.ratings_csv);
    import::import_bytes(app, GROUP, DatasetType::Interactions, schema, "ratings.csv", csv).await
}

/// How long each part took.
struct Laps {
    started: Instant,
    last: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Laps {
    fn new(started: Instant) -> Self {
        Self { started, last: started, laps: Vec::new() }
    }

    fn lap(&mut self, name: &'static str) {
        self.laps.push((name, self.last.elapsed().as_secs_f64()));
        self.last = Instant::now();
    }

    fn to_text(&self) -> String {
        let parts: Vec<String> = self.laps.iter().map(|(name, s)| format!("{name} {s:.1} s")).collect();
        format!("\nThe whole job took {:.1} s: {}.", self.started.elapsed().as_secs_f64(), parts.join(", "))
    }
}

/// Where the demo keeps its state: the folder that was asked for, or one that goes away.
pub enum Home {
    /// Kept.
    Named(PathBuf),
    /// Removed when dropped.
    Temporary(tempfile::TempDir),
}

impl Home {
    /// Opens the place that the options name.
    pub fn open(options: &Demo) -> anyhow::Result<Self> {
        Ok(match &options.data {
            Some(path) => Self::Named(path.clone()),
            None => Self::Temporary(
                tempfile::Builder::new()
                    .prefix("osusume-demo-")
                    .tempdir()
                    .context("cannot make a temporary folder; name one with --data")?,
            ),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
