//! Recommenders: use cases of domain dataset groups, trained and deployed in one.

use domain::recommender::Recommender;
use domain::resource::{Campaign, CampaignConfig, DatasetGroup, DatasetType, Job, SolutionVersion};
use domain::use_cases::{self, USE_CASES, UseCase};
use domain::{ApiError, Arn, Lifecycle, ResourceKind, Slots, Status};
use lifecycle::campaign_update::{self, Change};
use lifecycle::recommender::{must_be, start as start_serving, stop as stop_serving};
use lifecycle::version;
use store::resources::UpdateError;
use wire::recommender::{self as shapes, CreateRecommender, RecommenderConfig, UpdateRecommender};
use wire::shape::Shape;
use wire::{Member, Members};

use super::Output;
use super::campaign::exploration;
use super::solution_version::filled;
use crate::pages::List;
use crate::{Control, training_choices};

const LIST: List<Recommender> = List {
    key: "recommenders",
    kind: ResourceKind::Recommender,
    parent: Some(("datasetGroupArn", ResourceKind::DatasetGroup)),
    summary: shapes::summary,
};

/// `CreateRecommender`. Its row is all that is written here: its job creates the version that it waits for.
pub async fn create(control: &Control, members: &Members<'_>) -> Output {
    let request = CreateRecommender::parse(members)?;
    let tags = wire::tags::given(members)?;
    version::recipe(&request.recipe)?;
    let group = control.active_parent::<DatasetGroup>(&request.dataset_group).await?;
    let use_case = of_domain(&request.recipe, &group.value)?;
    let config = serving_config(&request.recipe, request.config.clone(), None)?;
    let training_data_config = request.config.training_data.filter(|columns| !columns.is_empty());
    if let Some(columns) = &training_data_config {
        training_choices::columns_fit(control, &request.dataset_group, &[], columns).await?;
    }
    let mut parents = vec![group.row];
    parents.push(filled(control, &request.dataset_group, DatasetType::Interactions).await?.row);
    if use_case.needs_items {
        parents.push(filled(control, &request.dataset_group, DatasetType::Items).await?.row);
    }
    let (kind, quota) = (ResourceKind::Recommender, control.quotas.recommenders_per_group);
    control.room_for("recommender", kind, Some(&request.dataset_group), quota).await?;
    let arn = control.scope.arn(kind, &request.name);
    let serves = Campaign {
        arn: arn.clone(),
        name: request.name,
        solution_version: version::arn(&arn, (control.version_id)())?,
        slots: Slots::default(),
        min_provisioned_tps: request.config.min_requests_per_second,
        config: Some(config),
        latest_update: None,
        attempts: 0,
        lifecycle: Lifecycle::pending((control.clock)()),
    };
    let recommender = Recommender {
        dataset_group: request.dataset_group,
        recipe: request.recipe,
        training_data_config,
        serves,
    };
    control.create_and_launch(recommender, tags, parents, Job::Deploy(arn.clone())).await?;
    Ok(Some(Shape::new().arn("recommenderArn", &arn).into()))
}

/// The use case that a recipe stands for, which must be one of the group's domain.
fn of_domain(recipe: &Arn, group: &DatasetGroup) -> Result<&'static UseCase, ApiError> {
    let Some(domain) = &group.domain else {
        return Err(ApiError::invalid(format!(
            "Please use a domains-specific Dataset Group: {} has no domain, so it can have solutions and campaigns \
             and no recommenders. Create one with 'domain' {} or {}.",
            group.arn,
            use_cases::ECOMMERCE,
            use_cases::VIDEO_ON_DEMAND
        )));
    };
    match use_cases::find(recipe) {
        Some(use_case) if use_case.domain == domain => Ok(use_case),
        found => {
            let what = match found {
                Some(other) => format!("a use case of the domain {}", other.domain),
                None => "a recipe for solutions".to_owned(),
            };
            let there = USE_CASES.iter().filter(|use_case| use_case.domain == domain);
            let there: Vec<_> = there.map(|use_case| use_case.recipe.arn().to_string()).collect();
            Err(ApiError::invalid(format!(
                "{recipe} at 'recipeArn' is {what}, and {} is of the domain {domain}: its recommenders have the \
                 recipes {}.",
                group.arn,
                there.join(", ")
            )))
        }
    }
}

/// The configuration of what a recommender serves: what is given over what there is. It follows its own
/// versions always.
fn serving_config(
    recipe: &Arn,
    given: RecommenderConfig,
    before: Option<&CampaignConfig>,
) -> Result<CampaignConfig, ApiError> {
    let before = before.cloned().unwrap_or_default();
    let item_exploration_config = given.item_exploration_config.unwrap_or(before.item_exploration_config);
    exploration(recipe, &item_exploration_config)?;
    Ok(CampaignConfig {
        item_exploration_config,
        sync_with_latest_solution_version: Some(true),
        enable_metadata_with_recommendations: given
            .enable_metadata
            .or(before.enable_metadata_with_recommendations),
        // Recommenders have none.
        ranking_influence: before.ranking_influence,
    })
}

/// `DescribeRecommender`, with the metrics of the version that it serves.
pub async fn describe(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("recommenderArn", Member::arn)?;
    let recommender: Recommender = control.find(&arn).await?;
    let version = control.resources.get_as::<SolutionVersion>(&recommender.serves.solution_version).await;
    let version = version.map_err(ApiError::internal)?.map(|found| found.value);
    // As long as it is being created or deleted it has no metrics.
    let status = recommender.serves.lifecycle.status;
    let shown = status.begun() != Some(Status::CreateInProgress)
        && !matches!(status, Status::CreateFailed | Status::DeletePending | Status::DeleteInProgress);
    let model = version.and_then(|version| version.model).filter(|_| shown);
    Ok(Some(Shape::new().with("recommender", shapes::describe(&recommender, model.as_ref())).into()))
}

/// `ListRecommenders`.
pub async fn list(control: &Control, members: &Members<'_>) -> Output {
    LIST.page(control, members).await
}

/// `UpdateRecommender`. The present lists are served until those of the new configuration are published. Other
/// training columns make a new version, which is trained once that is done.
pub async fn update(control: &Control, members: &Members<'_>) -> Output {
    let request = UpdateRecommender::parse(members)?;
    let now = (control.clock)();
    if let Some(columns) = &request.config.training_data {
        let found: Recommender = control.find(&request.recommender).await?;
        training_choices::columns_fit(control, &found.dataset_group, &[], columns).await?;
    }
    change(control, &request.recommender, |recommender| {
        must_be(recommender, Status::Active, "updated")?;
        if let Some(columns) = &request.config.training_data {
            recommender.training_data_config = Some(columns.clone()).filter(|columns| !columns.is_empty());
        }
        let before = recommender.serves.config.as_ref();
        let config = serving_config(&recommender.recipe, request.config.clone(), before)?;
        let change = Change {
            solution_version: recommender.serves.solution_version.clone(),
            min_provisioned_tps: request.config.min_requests_per_second,
            config: Some(config),
        };
        campaign_update::ask(&mut recommender.serves, &change, now)
    })
    .await
}

/// `StopRecommender`.
pub async fn stop(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("recommenderArn", Member::arn)?;
    let now = (control.clock)();
    change(control, &arn, |recommender| stop_serving(recommender, now)).await
}

/// `StartRecommender`. The lists are published anew first, so that they follow from what happened meanwhile.
pub async fn start(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("recommenderArn", Member::arn)?;
    let now = (control.clock)();
    change(control, &arn, |recommender| start_serving(recommender, now)).await
}

/// Asks a recommender for something that its job then does.
async fn change(
    control: &Control,
    arn: &Arn,
    mut change: impl FnMut(&mut Recommender) -> Result<(), ApiError>,
) -> Output {
    let mut before = None;
    let asked = control
        .resources
        .update(arn, |recommender: &mut Recommender| {
            before = Some(recommender.clone());
            change(recommender)
        })
        .await;
    match asked {
        Ok(Some(_)) => {}
        Ok(None) => return Err(ApiError::not_found(arn)),
        Err(UpdateError::Refused(error)) => return Err(error),
        Err(error) => return Err(ApiError::internal(error)),
    }
    if let Err(error) = control.launcher.launch(Job::Deploy(arn.clone())).await {
        // Nobody will do it, so the caller may ask again.
        let withdrawn = control.resources.update(arn, |recommender: &mut Recommender| {
            *recommender = before.clone().unwrap_or_else(|| recommender.clone());
            Ok::<_, std::convert::Infallible>(())
        });
        withdrawn.await.map_err(ApiError::internal)?;
        return Err(ApiError::internal(error));
    }
    Ok(Some(Shape::new().arn("recommenderArn", arn).into()))
}

/// `DeleteRecommender`. Its versions go with it.
pub async fn delete(control: &Control, members: &Members<'_>) -> Output {
    let arn = members.required("recommenderArn", Member::arn)?;
    control.begin_delete(&arn, ResourceKind::Recommender).await?;
    Ok(None)
}
