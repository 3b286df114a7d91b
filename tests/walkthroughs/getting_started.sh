#!/usr/bin/env bash
# The getting-started flow of AWS's guide with the AWS CLI, from the data to recommendations and clean-up.
#
# It differs from the guide in one thing that shows: the guide trains aws-user-personalization-v2 by now, which
# is not offered here; this takes aws-user-personalization, which both have, unless RECIPE_ARN says otherwise.
# README.md beside this names the variables. Only the endpoint differs from the hosted service.

DEMO_NAME=${DEMO_NAME:-getting-started}
RECIPE_ARN=${RECIPE_ARN:-arn:aws:personalize:::recipe/aws-user-personalization}

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Prerequisites: data in a bucket, and a client that reaches the service.
make_bucket
list_recipes

# Step 1: import training data
group_arn=$(aws personalize create-dataset-group --name "$DEMO_NAME-dataset-group" \
    --query datasetGroupArn --output text)
active dataset-group "$group_arn"
schema_arn=$(aws personalize create-schema --name "$DEMO_NAME-schema" --schema "file://$scratch/schema.json" \
    --query schemaArn --output text)
echo "made $schema_arn"
dataset_arn=$(aws personalize create-dataset --name "$DEMO_NAME-dataset" --dataset-group-arn "$group_arn" \
    --dataset-type Interactions --schema-arn "$schema_arn" --query datasetArn --output text)
active dataset "$dataset_arn"
import_arn=$(aws personalize create-dataset-import-job --job-name "$DEMO_NAME-import-job" \
    --dataset-arn "$dataset_arn" --data-source "dataLocation=s3://$BUCKET/ratings.csv" --role-arn "$ROLE_ARN" \
    --query datasetImportJobArn --output text)
active dataset-import-job "$import_arn"

# Step 2: create a solution. Without automatic training, so that the one version is the one asked for.
solution_arn=$(aws personalize create-solution --name "$DEMO_NAME-solution" --dataset-group-arn "$group_arn" \
    --recipe-arn "$RECIPE_ARN" --no-perform-auto-training \
    --solution-config "{\"algorithmHyperParameters\": $HYPERPARAMETERS}" --query solutionArn --output text)
active solution "$solution_arn"
version_arn=$(aws personalize create-solution-version --solution-arn "$solution_arn" \
    --query solutionVersionArn --output text)
active solution-version "$version_arn"

# Step 3: create a campaign
campaign_arn=$(aws personalize create-campaign --name "$DEMO_NAME-campaign" --solution-version-arn "$version_arn" \
    --min-provisioned-tps 1 --query campaignArn --output text)
active campaign "$campaign_arn"

# Step 4: get recommendations
for user in viewer-0 viewer-1 newcomer; do
    recommend "$campaign_arn" "$user"
done

# Clean-up: first what stands on something else.
aws personalize delete-campaign --campaign-arn "$campaign_arn"
gone campaign "$campaign_arn"
aws personalize delete-solution --solution-arn "$solution_arn"
gone solution "$solution_arn"
aws personalize delete-dataset --dataset-arn "$dataset_arn"
gone dataset "$dataset_arn"
aws personalize delete-schema --schema-arn "$schema_arn"
gone schema "$schema_arn"
aws personalize delete-dataset-group --dataset-group-arn "$group_arn"
gone dataset-group "$group_arn"
remove_bucket
