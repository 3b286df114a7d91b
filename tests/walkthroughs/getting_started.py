#!/usr/bin/env python3
"""The getting-started flow of AWS's guide with boto3, from the data to recommendations and clean-up.

It differs from the guide in one thing that shows: the guide trains aws-user-personalization-v2 by now, which
is not offered here; this takes aws-user-personalization, which both have, unless RECIPE_ARN says otherwise.
README.md beside this names the variables. Only the endpoint differs from the hosted service.
"""

import os

import boto3

from common import HYPERPARAMETERS, ROLE_ARN, SCHEMA
from common import active, bucket_name, gone, list_recipes, make_bucket, recommend, remove_bucket, run

NAME = os.environ.get("DEMO_NAME", "getting-started")
BUCKET = bucket_name(NAME)
RECIPE_ARN = os.environ.get("RECIPE_ARN", "arn:aws:personalize:::recipe/aws-user-personalization")


def walkthrough():
    personalize = boto3.client("personalize")
    runtime = boto3.client("personalize-runtime")
    s3 = boto3.client("s3")

    # Prerequisites: data in a bucket, and a client that reaches the service.
    make_bucket(s3, BUCKET)
    list_recipes(personalize)

    # Step 1: import training data
    group_arn = personalize.create_dataset_group(name=f"{NAME}-dataset-group")["datasetGroupArn"]
    active(personalize.describe_dataset_group, datasetGroupArn=group_arn)
    schema_arn = personalize.create_schema(name=f"{NAME}-schema", schema=SCHEMA)["schemaArn"]
    print(f"made {schema_arn}")
    dataset_arn = personalize.create_dataset(
        name=f"{NAME}-dataset", datasetGroupArn=group_arn, datasetType="Interactions", schemaArn=schema_arn
    )["datasetArn"]
    active(personalize.describe_dataset, datasetArn=dataset_arn)
    import_arn = personalize.create_dataset_import_job(
        jobName=f"{NAME}-import-job",
        datasetArn=dataset_arn,
        dataSource={"dataLocation": f"s3://{BUCKET}/ratings.csv"},
        roleArn=ROLE_ARN,
    )["datasetImportJobArn"]
    active(personalize.describe_dataset_import_job, datasetImportJobArn=import_arn)

    # Step 2: create a solution. Without automatic training, so that the one version is the one asked for.
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

    # Step 3: create a campaign
    campaign_arn = personalize.create_campaign(
        name=f"{NAME}-campaign", solutionVersionArn=version_arn, minProvisionedTPS=1
    )["campaignArn"]
    active(personalize.describe_campaign, campaignArn=campaign_arn)

    # Step 4: get recommendations
    for user in ("viewer-0", "viewer-1", "newcomer"):
        recommend(runtime, campaign_arn, user)

    # Clean-up: first what stands on something else.
    personalize.delete_campaign(campaignArn=campaign_arn)
    gone(personalize.describe_campaign, campaignArn=campaign_arn)
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
