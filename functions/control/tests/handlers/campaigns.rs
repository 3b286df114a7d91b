//! Deploying, moving and following versions.

use domain::resource::{Campaign, Job};
use domain::{Lifecycle, Status};
use serde_json::json;

use crate::app::{App, HRNN, POPULARITY};

#[tokio::test]
async fn an_update_is_pending_while_the_old_version_serves() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let (first, second) = (app.trained(&solution).await, app.trained(&solution).await);
    let campaign = app.deployed("films", &first).await;
    app.change::<Campaign>(&campaign, |campaign| campaign.attempts = 2).await;
    app.launched();

    let update = json!({ "campaignArn": campaign, "solutionVersionArn": second, "minProvisionedTPS": 3 });
    assert_eq!(app.create("UpdateCampaign", update.clone()).await, campaign);
    assert_eq!(app.launched(), vec![Job::Deploy(campaign.parse().unwrap())]);
    let described = app.ok("DescribeCampaign", json!({ "campaignArn": campaign })).await["campaign"].clone();
    assert_eq!(described["status"], "ACTIVE");
    assert_eq!(described["solutionVersionArn"], first.as_str());
    assert_eq!(described["minProvisionedTPS"], 1);
    let latest = &described["latestCampaignUpdate"];
    assert_eq!(latest["solutionVersionArn"], second.as_str());
    assert_eq!(latest["status"], "CREATE PENDING");
    assert_eq!(latest["minProvisionedTPS"], 3);
    let stored =
        app.control.resources.get_as::<Campaign>(&campaign.parse().unwrap()).await.unwrap().unwrap().value;
    assert_eq!(stored.attempts, 0);

    for (operation, request) in
        [("UpdateCampaign", update), ("DeleteCampaign", json!({ "campaignArn": campaign }))]
    {
        let (exception, message) = app.refused(operation, request).await;
        assert_eq!(exception, "ResourceInUseException", "{operation}");
        assert!(message.contains("CREATE PENDING"), "{message}");
    }
}

#[tokio::test]
async fn only_a_campaign_at_rest_is_updated() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let campaign = app.campaign("films", &version).await;
    for (status, updatable) in [
        (Status::CreatePending, false),
        (Status::CreateInProgress, false),
        (Status::DeletePending, false),
        (Status::CreateFailed, true),
    ] {
        app.set_status(&campaign, status).await;
        let update = json!({ "campaignArn": campaign, "solutionVersionArn": version });
        if updatable {
            app.ok("UpdateCampaign", update).await;
        } else {
            let (exception, message) = app.refused("UpdateCampaign", update).await;
            assert_eq!(exception, "ResourceInUseException");
            assert!(message.contains(status.as_str()), "{message}");
        }
    }
}

#[tokio::test]
async fn a_campaign_stays_with_its_solution() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let (one, two) = (app.solution(&group, "one", POPULARITY).await, app.solution(&group, "two", HRNN).await);
    let (first, other) = (app.trained(&one).await, app.trained(&two).await);
    let campaign = app.deployed("films", &first).await;
    let update = json!({ "campaignArn": campaign, "solutionVersionArn": other });
    let (exception, message) = app.refused("UpdateCampaign", update).await;
    assert_eq!(exception, "InvalidInputException");
    assert!(message.contains(&one) && message.contains(&other), "{message}");
}

#[tokio::test]
async fn latest_stands_for_the_newest_active_version() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let latest = format!("{solution}/$LATEST");
    let request = json!({ "name": "none", "solutionVersionArn": latest });
    assert_eq!(app.refused("CreateCampaign", request).await.0, "ResourceInUseException");

    app.trained(&solution).await;
    let newest = app.trained(&solution).await;
    app.create("CreateSolutionVersion", json!({ "solutionArn": solution })).await;
    let campaign = app.campaign("films", &latest).await;
    let described = app.ok("DescribeCampaign", json!({ "campaignArn": campaign })).await;
    assert_eq!(described["campaign"]["solutionVersionArn"], newest.as_str());

    let nowhere = json!({ "name": "x", "solutionVersionArn": latest.replace("films", "nothing") });
    assert_eq!(app.refused("CreateCampaign", nowhere).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn an_update_that_cannot_be_launched_is_taken_back() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let version = app.trained(&solution).await;
    let campaign = app.deployed("films", &version).await;
    app.refuse_to_launch(true);
    let update = json!({ "campaignArn": campaign, "minProvisionedTPS": 2 });
    assert_eq!(app.refused("UpdateCampaign", update.clone()).await.0, "InternalFailure");
    app.refuse_to_launch(false);
    let described = app.ok("DescribeCampaign", json!({ "campaignArn": campaign })).await;
    assert_eq!(described["campaign"].get("latestCampaignUpdate"), None);

    app.ok("UpdateCampaign", update).await;
    let finished = |campaign: &mut Campaign| {
        let update = campaign.latest_update.as_mut().expect("an update was asked for");
        update.lifecycle = Lifecycle::active(update.lifecycle.created);
    };
    app.change(&campaign, finished).await;
    app.ok("DeleteCampaign", json!({ "campaignArn": campaign })).await;
}

/// Regression: the update of a campaign that had failed stayed `CREATE PENDING` for ever, because the
/// deployment looked at the campaign's own status, which was at rest.
#[tokio::test]
async fn a_campaign_that_failed_is_created_anew_by_an_update() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", POPULARITY).await;
    let (first, second) = (app.trained(&solution).await, app.trained(&solution).await);
    let campaign = app.campaign("films", &first).await;
    app.set_status(&campaign, Status::CreateFailed).await;
    app.launched();
    app.ok("UpdateCampaign", json!({ "campaignArn": campaign, "solutionVersionArn": second })).await;
    assert_eq!(app.launched(), vec![Job::Deploy(campaign.parse().unwrap())]);
    let described = app.ok("DescribeCampaign", json!({ "campaignArn": campaign })).await["campaign"].clone();
    assert_eq!(described["status"], "CREATE PENDING");
    assert_eq!(described["solutionVersionArn"], second.as_str());
    assert!(described.get("latestCampaignUpdate").is_none(), "{described}");
    assert!(described.get("failureReason").is_none(), "{described}");
}
