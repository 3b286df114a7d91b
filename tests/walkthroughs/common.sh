# What both walkthroughs with the AWS CLI do: a bucket with data, waiting, and recommendations as lines.
# To be sourced, with DEMO_NAME set.

set -euo pipefail
export AWS_PAGER=""

ROLE_ARN=${ROLE_ARN:-arn:aws:iam::000000000000:role/PersonalizeRole}
HYPERPARAMETERS=${HYPERPARAMETERS:-"{}"}
INTERVAL=${INTERVAL:-1}
PATIENCE_S=$((3 * 60 * 60))
ACCOUNT=$(cut -d : -f 5 <<< "$ROLE_ARN")
BUCKET=${BUCKET:-$DEMO_NAME-$ACCOUNT}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat > "$scratch/schema.json" << 'end'
{
  "type": "record",
  "name": "Interactions",
  "namespace": "com.amazonaws.personalize.schema",
  "fields": [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}
  ],
  "version": "1.0"
}
end

die() {
    echo "$1" >&2
    exit 1
}

# A bucket that Personalize may read, with ratings.csv in it.
make_bucket() {
    local policy
    aws s3 mb "s3://$BUCKET" > "$scratch/said"
    policy='{
      "Version": "2012-10-17",
      "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "personalize.amazonaws.com"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::'$BUCKET'", "arn:aws:s3:::'$BUCKET'/*"]
      }]
    }'
    aws s3api put-bucket-policy --bucket "$BUCKET" --policy "$policy"
    python3 "$here/viewings.py" > "$scratch/ratings.csv"
    aws s3 cp "$scratch/ratings.csv" "s3://$BUCKET/ratings.csv" > "$scratch/said"
    echo "made s3://$BUCKET/ratings.csv"
}

remove_bucket() {
    aws s3 rb --force "s3://$BUCKET" > "$scratch/said"
    echo "gone s3://$BUCKET"
}

# active KIND ARN: waits until what was asked for is there. Ends the script if it failed.
active() {
    local answer status reason deadline=$((SECONDS + PATIENCE_S))
    while ((SECONDS < deadline)); do
        answer=$(aws personalize "describe-$1" "--$1-arn" "$2" --output text \
            --query '*.[status, failureReason] | [0]')
        IFS=$'\t' read -r status reason <<< "$answer"
        case $status in
            ACTIVE)
                echo "made $2"
                return
                ;;
            "CREATE FAILED" | "CREATE STOPPED") die "$2: $status: $reason" ;;
        esac
        sleep "$INTERVAL"
    done
    die "$2: still $status after $PATIENCE_S s"
}

# gone KIND ARN: waits until what was deleted is no longer there.
gone() {
    local said deadline=$((SECONDS + PATIENCE_S))
    while ((SECONDS < deadline)); do
        if ! said=$(aws personalize "describe-$1" "--$1-arn" "$2" 2>&1); then
            [[ $said == *"(ResourceNotFoundException)"* ]] || die "$said"
            echo "gone $2"
            return
        fi
        sleep "$INTERVAL"
    done
    die "$2: still there $PATIENCE_S s after it was deleted"
}

list_recipes() {
    local names
    names=$(aws personalize list-recipes --query 'recipes[].name' --output text)
    echo "recipes $names" | tr '\t' ' '
}

# recommend CAMPAIGN_ARN USER
recommend() {
    local items
    items=$(aws personalize-runtime get-recommendations --campaign-arn "$1" --user-id "$2" --num-results 10 \
        --query 'itemList[].itemId' --output text)
    echo "recommended to $2: $items" | tr '\t' ' '
}
