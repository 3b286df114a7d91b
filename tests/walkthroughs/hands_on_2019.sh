#!/usr/bin/env bash
# The hands-on of 2019 with the AWS CLI: from a CSV to recommendations by HRNN and events, and back to nothing.
# README.md beside this names the variables. Only the endpoint differs from the hosted service.

DEMO_NAME=${DEMO_NAME:-hands-on}
# The hosted service has withdrawn it; give another there.
RECIPE_ARN=${RECIPE_ARN:-arn:aws:personalize:::recipe/aws-hrnn}

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Data
make_bucket
schema_arn=$(aws personalize create-schema --name "$DEMO_NAME-schema" --schema "file://$scratch/schema.json" \
    --query schemaArn --output text)
echo "made $schema_arn"
group_arn=$(aws personalize create-dataset-group --name "$DEMO_NAME-group" --query datasetGroupArn --output text)
active dataset-group "$group_arn"
dataset_arn=$(aws personalize create-dataset --name "$DEMO_NAME-dataset" --dataset-type INTERACTIONS \
    --dataset-group-arn "$group_arn" --schema-arn "$schema_arn" --query datasetArn --output text)
active dataset "$dataset_arn"
import_arn=$(aws personalize create-dataset-import-job --job-name "$DEMO_NAME-import" --dataset-arn "$dataset_arn" \
    --data-source "dataLocation=s3://$BUCKET/ratings.csv" --role-arn "$ROLE_ARN" \
    --query datasetImportJobArn --output text)
active dataset-import-job "$import_arn"

# Training. In 2019 nothing trained by itself; today the hosted service does so unless told otherwise.
list_recipes
solution_arn=$(aws personalize create-solution --name "$DEMO_NAME-solution" --dataset-group-arn "$group_arn" \
    --recipe-arn "$RECIPE_ARN" --no-perform-auto-training \
    --solution-config "{\"algorithmHyperParameters\": $HYPERPARAMETERS}" --query solutionArn --output text)
active solution "$solution_arn"
version_arn=$(aws personalize create-solution-version --solution-arn "$solution_arn" \
    --query solutionVersionArn --output text)
active solution-version "$version_arn"
aws personalize get-solution-metrics --solution-version-arn "$version_arn" --query metrics --output json

# Recommendations
campaign_arn=$(aws personalize create-campaign --name "$DEMO_NAME-campaign" --solution-version-arn "$version_arn" \
    --min-provisioned-tps 1 --query campaignArn --output text)
active campaign "$campaign_arn"
for user in viewer-0 viewer-1 newcomer; do
    recommend "$campaign_arn" "$user"
done

# Events: somebody whom nobody knows watches three comedies.
answer=$(aws personalize create-event-tracker --name "$DEMO_NAME-tracker" --dataset-group-arn "$group_arn" \
    --query '[eventTrackerArn, trackingId]' --output text)
read -r tracker_arn tracking_id <<< "$answer"
active event-tracker "$tracker_arn"
for film in comedy-3 comedy-4 comedy-5; do
    aws personalize-events put-events --tracking-id "$tracking_id" --user-id newcomer --session-id visit-1 \
        --event-list "[{\"eventType\": \"Watch\", \"itemId\": \"$film\", \"sentAt\": $(date +%s)}]"
done
# The hosted service takes a second or two to heed an event.
sleep "$INTERVAL"
recommend "$campaign_arn" newcomer

# Clean-up: first what stands on something else.
aws personalize delete-campaign --campaign-arn "$campaign_arn"
gone campaign "$campaign_arn"
aws personalize delete-event-tracker --event-tracker-arn "$tracker_arn"
gone event-tracker "$tracker_arn"
aws personalize delete-solution --solution-arn "$solution_arn"
gone solution "$solution_arn"
aws personalize delete-dataset --dataset-arn "$dataset_arn"
gone dataset "$dataset_arn"
aws personalize delete-schema --schema-arn "$schema_arn"
gone schema "$schema_arn"
aws personalize delete-dataset-group --dataset-group-arn "$group_arn"
gone dataset-group "$group_arn"
remove_bucket
