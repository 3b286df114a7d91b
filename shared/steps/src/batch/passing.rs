//! The filter of a batch job: what it looks at is read once, and applied to each line.

use std::collections::HashMap;

use domain::Arn;
use domain::event::Event;
use domain::recipes::{Recipe, RecipeType};
use domain::resource::Filter;
use filter::Passing;
use serde_json::Value;

use crate::Steps;
use crate::failure::{Doing, Failure};
use crate::filters::{Filters, Prepared, PreparedUsers};
use crate::models::ServedModel;
use crate::newest::Newest;

/// Member of an input line with the values of parameters.
pub(super) const VALUES: &str = "filterValues";

/// A filter with everything that it looks at.
pub(super) struct LineFilter {
    prepared: Of,
    /// What came in live, by user.
    told: HashMap<String, Vec<Event>>,
}

enum Of {
    Items(Prepared),
    Users(Box<PreparedUsers>),
}

impl LineFilter {
    /// Reads the newest data of the filter's dataset group; of its users, for a recipe that finds users.
    pub(super) async fn read(
        steps: &Steps,
        filter: &Filter,
        version: &Arn,
        recipe: &Recipe,
        model: &ServedModel,
    ) -> Result<Self, Failure> {
        let (expression, group) = (&filter.expression, &filter.dataset_group);
        let filters = Filters::new(Newest::new(steps.clone()));
        let (prepared, reads) = match recipe.recipe_type {
            RecipeType::UserSegmentation => {
                let users = filters.prepare_users(expression, group, model).await?;
                let reads = users.reads_interactions();
                (Of::Users(Box::new(users)), reads)
            }
            _ => {
                let items = filters.prepare(expression, group, version, model).await?;
                let reads = items.reads_interactions();
                (Of::Items(items), reads)
            }
        };
        let mut told: HashMap<String, Vec<Event>> = HashMap::new();
        if reads {
            let events = steps.events.all(group).await.doing(|| format!("reading events of {group}"))?;
            events.into_iter().for_each(|one| told.entry(one.user).or_default().push(one.event));
        }
        Ok(Self { prepared, told })
    }

    /// The items or users that pass for a line; why there are none to tell, where its values do not fit.
    pub(super) fn passing(&self, input: &Value) -> Result<Passing<'_>, String> {
        let values = match input.get(VALUES) {
            None | Some(Value::Null) => Default::default(),
            Some(values) => serde_json::from_value(values.clone())
                .map_err(|_| format!("{VALUES} must be an object of strings"))?,
        };
        let text = |member: &str| input.get(member).and_then(Value::as_str);
        let passing = match &self.prepared {
            Of::Users(users) => users.apply(&values, &self.told),
            Of::Items(items) => {
                let user = text("userId");
                let told = user.and_then(|user| self.told.get(user)).map(Vec::as_slice).unwrap_or_default();
                items.apply(&values, user, text("itemId"), told)
            }
        };
        passing.map_err(|error| error.to_string())
    }
}
