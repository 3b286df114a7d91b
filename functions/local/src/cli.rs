//! The command line: what can be asked, and how it explains itself.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cost::Workload;
use steps::DeviceChoice;

/// A recommender service that speaks the Amazon Personalize API, whole on one machine.
#[derive(Debug, Parser)]
#[command(name = "osusume", version, about, max_term_width = 100, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the work failed (the reason is on standard error); 2 the command line is wrong; \
3 there is nothing by that name; 130 interrupted.";

/// Options that every command on the local service has.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Where the service keeps its state.
    #[arg(long, value_name = "DIR", default_value = "osusume-data", env = "OSUSUME_DATA", global = false)]
    pub data: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// Threads for import, training and scoring [default: all cores]. Results do not depend on it.
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Where networks are trained: auto, cpu or cuda. auto takes a GPU where one can be used and says so; on
    /// a GPU results differ in the last digits.
    #[arg(long, value_name = "DEVICE", default_value_t, env = "OSUSUME_DEVICE")]
    pub device: DeviceChoice,
    /// Seconds between the checkpoints of a training, from which it goes on after it was killed.
    #[arg(long, value_name = "N", default_value_t = steps::CHECKPOINT_EVERY.as_secs(), env = "OSUSUME_CHECKPOINT_SECONDS")]
    pub checkpoint_seconds: u64,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    /// Answer the Personalize APIs and S3 on this machine.
    #[command(after_help = "\
Example:
  osusume serve &
  export AWS_ENDPOINT_URL_PERSONALIZE=http://127.0.0.1:8787 \\
         AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=http://127.0.0.1:8787 \\
         AWS_ENDPOINT_URL_S3=http://127.0.0.1:8788 \\
         AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1
  aws personalize list-recipes")]
    Serve(Serve),
    /// Do the whole job once and show it: import, train, evaluate, deploy, recommend.
    #[command(after_help = "\
Examples:
  osusume demo
  osusume demo --ratings ratings.csv --items movies.csv")]
    Demo(Demo),
    /// Import a CSV file into a dataset group, creating group, schema and dataset where needed.
    #[command(after_help = "\
Example:
  osusume import ratings.csv --group films
  osusume import movies.csv --group films --type items")]
    Import(Import),
    /// Train a recipe on a dataset group and deploy the result as a campaign.
    #[command(after_help = "\
Example:
  osusume train --group films --recipe aws-hrnn --set hidden_dimension=64")]
    Train(Train),
    /// Recommendations of a campaign for one user or item, or for all users.
    #[command(after_help = "\
Examples:
  osusume recommend --campaign films-hrnn --user 42
  osusume recommend --campaign films-hrnn --all --output lists.jsonl")]
    Recommend(Recommend),
    /// The metrics of a trained solution beside those of the popularity baseline.
    #[command(after_help = "\
Example:
  osusume evaluate --solution films-hrnn")]
    Evaluate(Evaluate),
    /// Print the Avro schema that fits a CSV file, with warnings about its content.
    #[command(after_help = "\
Example:
  osusume infer-schema ratings.csv")]
    InferSchema(InferSchema),
    /// Filter expressions.
    Filter {
        /// What to do with them.
        #[command(subcommand)]
        command: FilterCommand,
    },
    /// What a deployment in your AWS account costs in a month, on paper, beside the hosted service.
    #[command(after_help = "\
Examples:
  osusume cost --users 1000000 --items 50000 --interactions 100000000 --requests 10000000
  osusume cost --users 1000 --items 500 --interactions 100000 --requests 0 --trainings-per-month 0

No price is asked for over the network; each is printed with its page and as of when it is known.")]
    Cost(Cost),
}

/// The commands on filter expressions.
#[derive(Debug, Subcommand)]
pub enum FilterCommand {
    /// How an expression is read and, over CSV files, how many items pass it.
    #[command(after_help = "\
Examples:
  osusume filter explain 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")'
  osusume filter explain 'INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)' --items movies.csv --value GENRE=Comedy
  osusume filter explain 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")' \\
          --items movies.csv --interactions ratings.csv --user 42")]
    Explain(ExplainFilter),
}

/// `osusume filter explain`.
#[derive(Args, Debug)]
pub struct ExplainFilter {
    /// The expression.
    pub expression: String,
    /// A CSV of the items, which are counted.
    #[arg(long, value_name = "FILE")]
    pub items: Option<PathBuf>,
    /// Their Avro schema [default: inferred from the CSV].
    #[arg(long, value_name = "FILE", requires = "items")]
    pub schema: Option<PathBuf>,
    /// A CSV of users, for CurrentUser.
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// A CSV of interactions.
    #[arg(long, value_name = "FILE")]
    pub interactions: Option<PathBuf>,
    /// The user of the request.
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// The item of the request, for CurrentItem.
    #[arg(long, value_name = "ID")]
    pub item: Option<String>,
    /// A parameter as filterValues has it, for example GENRE='"Comedy","Drama"'; may be given several times.
    #[arg(long = "value", value_name = "NAME=VALUES")]
    pub values: Vec<String>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `osusume serve`.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// Address to listen on. Anything but loopback lets others in without a key: any credentials pass.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,
    /// Port of the Personalize APIs; 0 picks a free one and prints it.
    #[arg(long, value_name = "PORT", default_value_t = 8787)]
    pub port: u16,
    /// Port of S3 [default: the next one]; 0 picks a free one and prints it.
    #[arg(long, value_name = "PORT")]
    pub s3_port: Option<u16>,
    /// Rows of a CSV that may be bad and set aside before its import fails.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub bad_rows_allowed: u64,
    /// Most resources of each kind: in the region, in a dataset group, or in progress at once. What is
    /// there already stays; what would be one too many is refused with LimitExceededException.
    #[arg(long, value_name = "N", default_value_t = crate::app::QUOTA_DEFAULT)]
    pub quotas: usize,
}

/// `osusume demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// A CSV of interactions [default: a generated data set].
    #[arg(long, value_name = "FILE")]
    pub ratings: Option<PathBuf>,
    /// A CSV of items, for titles.
    #[arg(long, value_name = "FILE", requires = "ratings")]
    pub items: Option<PathBuf>,
    /// Keep the state here [default: a temporary folder that is removed].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Where the network is trained: auto, cpu or cuda.
    #[arg(long, value_name = "DEVICE", default_value_t, env = "OSUSUME_DEVICE")]
    pub device: DeviceChoice,
}

/// `osusume import`.
#[derive(Args, Debug)]
pub struct Import {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// The file: CSV, or CSV compressed with gzip.
    pub file: PathBuf,
    /// The dataset group.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub group: String,
    /// interactions, items, users, actions or action_interactions [default: told from the header].
    #[arg(long = "type", value_name = "TYPE")]
    pub dataset_type: Option<String>,
    /// An Avro schema file [default: inferred from the CSV].
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Rows that may be bad and set aside before the import fails.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub bad_rows_allowed: u64,
}

/// `osusume train`.
#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// The dataset group.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub group: String,
    /// The recipe.
    #[arg(long, value_name = "RECIPE", default_value = "aws-hrnn")]
    pub recipe: String,
    /// Name of the solution and of its campaign [default: <group>-<recipe without aws->].
    #[arg(long, value_name = "NAME")]
    pub solution: Option<String>,
    /// A hyperparameter, for example hidden_dimension=64; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Train on this event type only.
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Train and evaluate, and leave the campaign as it is.
    #[arg(long)]
    pub no_deploy: bool,
}

/// `osusume recommend`.
#[derive(Args, Debug)]
pub struct Recommend {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// The campaign.
    #[arg(long, value_name = "NAME")]
    pub campaign: String,
    /// Items for this user.
    #[arg(long, value_name = "ID", conflicts_with_all = ["item", "all"])]
    pub user: Option<String>,
    /// Items related to this item.
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub item: Option<String>,
    /// A list for every user of the training data, as JSON Lines.
    #[arg(long)]
    pub all: bool,
    /// Where --all writes [default: standard output].
    #[arg(long, value_name = "FILE", requires = "all")]
    pub output: Option<PathBuf>,
    /// With --all: leave out the items of the user's own history.
    #[arg(long, requires = "all")]
    pub exclude_seen: bool,
    /// How many items.
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub num_results: usize,
}

/// `osusume evaluate`.
#[derive(Args, Debug)]
pub struct Evaluate {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    /// The solution; its latest trained version is shown.
    #[arg(long, value_name = "NAME")]
    pub solution: String,
}

/// `osusume infer-schema`.
#[derive(Args, Debug)]
pub struct InferSchema {
    /// The file: CSV, or CSV compressed with gzip.
    pub file: PathBuf,
    /// interactions, items, users, actions or action_interactions [default: told from the header].
    #[arg(long = "type", value_name = "TYPE")]
    pub dataset_type: Option<String>,
    /// Print one JSON document instead of the schema and warnings.
    #[arg(long)]
    pub json: bool,
}

/// `osusume cost`.
#[derive(Args, Debug)]
#[command(allow_negative_numbers = true)]
pub struct Cost {
    /// Users with a history; each gets a list.
    #[arg(long, value_name = "N", value_parser = whole(Workload::USERS))]
    pub users: u64,
    /// Items of the catalogue.
    #[arg(long, value_name = "N", value_parser = whole(Workload::ITEMS))]
    pub items: u64,
    /// Interactions that a training reads.
    #[arg(long, value_name = "N", value_parser = whole(Workload::INTERACTIONS))]
    pub interactions: u64,
    /// Recommendations asked for in a month; 0 for an idle deployment.
    #[arg(long, value_name = "N", value_parser = whole(Workload::REQUESTS))]
    pub requests: u64,
    /// Trainings in a month, each followed by new lists for everybody; 0 for an idle deployment.
    #[arg(long, value_name = "N", default_value = "30", value_parser = whole(Workload::TRAININGS))]
    pub trainings_per_month: u64,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
}

/// A whole number of a range; anything else is answered with the range.
fn whole(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("give a whole number from {} to {}", range.start(), range.end()))
    }
}
