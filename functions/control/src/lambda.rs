//! The control plane as a function: jobs become executions of state machines.

use domain::EpochMillis;
use domain::limits::Quotas;
use domain::resource::Job;
use lambda_kit::clients::Aws;
use lambda_kit::config::{ConfigError, Stack, number};
use lambda_kit::launch::StateMachines;

use crate::{BoxError, BoxFuture, Control, Launch};

impl Launch for StateMachines {
    fn launch(&self, job: Job) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move { Ok(self.start(&job).await?) })
    }
}

/// The control plane of a stack, from the environment of a function.
pub fn from_env(aws: &Aws, stack: &Stack) -> Result<Control, ConfigError> {
    Ok(Control {
        resources: aws.resources(stack),
        launcher: std::sync::Arc::new(StateMachines::from_env(aws)?),
        scope: stack.scope.clone(),
        quotas: quotas()?,
        bad_rows_allowed: number("BAD_ROWS_ALLOWED", 0)?,
        has_kms: true,
        clock: EpochMillis::now,
        version_id: crate::random_version_id,
    })
}

/// The hosted service's quotas, each of which a variable may change.
fn quotas() -> Result<Quotas, ConfigError> {
    let default = Quotas::default();
    Ok(Quotas {
        schemas: number("QUOTA_SCHEMAS", default.schemas)?,
        dataset_groups: number("QUOTA_DATASET_GROUPS", default.dataset_groups)?,
        solutions_per_group: number("QUOTA_SOLUTIONS_PER_GROUP", default.solutions_per_group)?,
        campaigns_per_group: number("QUOTA_CAMPAIGNS_PER_GROUP", default.campaigns_per_group)?,
        filters_per_group: number("QUOTA_FILTERS_PER_GROUP", default.filters_per_group)?,
        filter_fields_per_group: number("QUOTA_FILTER_FIELDS_PER_GROUP", default.filter_fields_per_group)?,
        recommenders_per_group: number("QUOTA_RECOMMENDERS_PER_GROUP", default.recommenders_per_group)?,
        ..default
    })
}
