#!/usr/bin/env python3
"""The hands-on of 2019 with boto3: from a CSV to recommendations by HRNN and events, and back to nothing.

README.md beside this names the variables. Only the endpoint differs from the hosted service.
"""

import json
import os
import time

import boto3

from common import HYPERPARAMETERS, INTERVAL_S, ROLE_ARN, SCHEMA
from common import active, bucket_name, gone, list_recipes, make_bucket, recommend, remove_bucket, run

NAME = os.environ.get("DEMO_NAME", "hands-on")
BUCKET = bucket_name(NAME)
# The hosted service has withdrawn it; give another there.
RECIPE_ARN = os.environ.get("RECIPE_ARN", "arn:aws:personalize:::recipe/aws-hrnn")


def walkthrough():
    personalize = boto3.client("personalize")
    runtime = boto3.client("personalize-runtime")
    events = boto3.client("personalize-events")
    s3 = boto3.client("s3")

    # Data
    make_bucket(s3, BUCKET)
    schema_arn = personalize.create_schema(name=f"{NAME}-schema", schema=SCHEMA)["schemaArn"]
    print(f"made {schema_arn}")
    group_arn = personalize.create_dataset_group(name=f"{NAME}-group")["datasetGroupArn"]
    active(personalize.describe_dataset_group, datasetGroupArn=group_arn)
    dataset_arn = personalize.create_dataset(
        name=f"{NAME}-dataset", datasetType="INTERACTIONS", datasetGroupArn=group_arn, schemaArn=schema_arn
    )["datasetArn"]
    active(personalize.describe_dataset, datasetArn=dataset_arn)
    import_arn = personalize.create_dataset_import_job(
        jobName=f"{NAME}-import",
        datasetArn=dataset_arn,
        dataSource={"dataLocation": f"s3://{BUCKET}/ratings.csv"},
        roleArn=ROLE_ARN,
    )["datasetImportJobArn"]
    active(personalize.describe_dataset_import_job, datasetImportJobArn=import_arn)

    # Training. In 2019 nothing trained by itself; today the hosted service does so unless told otherwise.
    list_recipes(personalize)
    solution_arn = personalize.create_solution(
        name=f"{NAME}-solution",
        datasetGroupArn=group_arn,
        recipeArn=RECIPE_ARN,
        performAutoTraining=False,
        solutionConfig={"algorithmHyperParameters": HYPERPARAMETERS},
    )["solutionArn"]
    active(personalize.describe_solution, solutionArn=solution_arn)
    version_arn = personalize.create_solution_version(solutionArn=solution_arn)["solutionVersionArn"]
    active(personalize.describe_solution_version, solutionVersionArn=version_arn)
    metrics = personalize.get_solution_metrics(solutionVersionArn=version_arn)["metrics"]
    print(json.dumps(metrics, indent=4))

    # Recommendations
    campaign_arn = personalize.create_campaign(
        name=f"{NAME}-campaign", solutionVersionArn=version_arn, minProvisionedTPS=1
    )["campaignArn"]
    active(personalize.describe_campaign, campaignArn=campaign_arn)
    for user in ("viewer-0", "viewer-1", "newcomer"):
        recommend(runtime, campaign_arn, user)

    # Events: somebody whom nobody knows watches three comedies.
    tracker = personalize.create_event_tracker(name=f"{NAME}-tracker", datasetGroupArn=group_arn)
    tracker_arn, tracking_id = tracker["eventTrackerArn"], tracker["trackingId"]
    active(personalize.describe_event_tracker, eventTrackerArn=tracker_arn)
    for film in ("comedy-3", "comedy-4", "comedy-5"):
        events.put_events(
            trackingId=tracking_id,
            userId="newcomer",
            sessionId="visit-1",
            eventList=[{"eventType": "Watch", "itemId": film, "sentAt": time.time()}],
        )
    # The hosted service takes a second or two to heed an event.
    time.sleep(INTERVAL_S)
    recommend(runtime, campaign_arn, "newcomer")

    # Clean-up: first what stands on something else.
    personalize.delete_campaign(campaignArn=campaign_arn)
    gone(personalize.describe_campaign, campaignArn=campaign_arn)
    personalize.delete_event_tracker(eventTrackerArn=tracker_arn)
    gone(personalize.describe_event_tracker, eventTrackerArn=tracker_arn)
    personalize.delete_solution(solutionArn=solution_arn)
    gone(personalize.describe_solution, solutionArn=solution_arn)
    personalize.delete_dataset(datasetArn=dataset_arn)
    gone(personalize.describe_dataset, datasetArn=dataset_arn)
    personalize.delete_schema(schemaArn=schema_arn)
    gone(personalize.describe_schema, schemaArn=schema_arn)
    personalize.delete_dataset_group(datasetGroupArn=group_arn)
    gone(personalize.describe_dataset_group, datasetGroupArn=group_arn)
    remove_bucket(s3, BUCKET)


if __name__ == "__main__":
    run(walkthrough)
