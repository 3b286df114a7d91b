"""What both walkthroughs with boto3 do: a bucket with data, waiting, and recommendations as lines."""

import json
import os
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

import viewings

ROLE_ARN = os.environ.get("ROLE_ARN", "arn:aws:iam::000000000000:role/PersonalizeRole")
HYPERPARAMETERS = json.loads(os.environ.get("HYPERPARAMETERS", "{}"))
INTERVAL_S = float(os.environ.get("INTERVAL", "1"))
PATIENCE_S = 3 * 60 * 60

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Interactions",
        "namespace": "com.amazonaws.personalize.schema",
        "fields": [
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TIMESTAMP", "type": "long"},
        ],
        "version": "1.0",
    }
)


def bucket_name(name):
    account = ROLE_ARN.split(":")[4]
    return os.environ.get("BUCKET", f"{name}-{account}")


def make_bucket(s3, bucket):
    """A bucket that Personalize may read, with ratings.csv in it."""
    region = s3.meta.region_name
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    s3.create_bucket(Bucket=bucket, **elsewhere)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "personalize.amazonaws.com"},
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_object(Bucket=bucket, Key="ratings.csv", Body=viewings.csv().encode())
    print(f"made s3://{bucket}/ratings.csv")


def remove_bucket(s3, bucket):
    s3.delete_object(Bucket=bucket, Key="ratings.csv")
    s3.delete_bucket(Bucket=bucket)
    print(f"gone s3://{bucket}")


def active(describe, **arn):
    """Waits until what was asked for is there. Ends the script if it failed."""
    [name] = arn.values()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = describe(**arn)
        [resource] = [value for key, value in answer.items() if key != "ResponseMetadata"]
        if resource["status"] == "ACTIVE":
            print(f"made {name}")
            return
        if resource["status"] in ("CREATE FAILED", "CREATE STOPPED"):
            sys.exit(f"{name}: {resource['status']}: {resource.get('failureReason')}")
        time.sleep(INTERVAL_S)
    sys.exit(f"{name}: still {resource['status']} after {PATIENCE_S} s")


def gone(describe, **arn):
    """Waits until what was deleted is no longer there."""
    [name] = arn.values()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            describe(**arn)
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            print(f"gone {name}")
            return
        time.sleep(INTERVAL_S)
    sys.exit(f"{name}: still there {PATIENCE_S} s after it was deleted")


def list_recipes(personalize):
    for page in personalize.get_paginator("list_recipes").paginate():
        print("recipes", *(recipe["name"] for recipe in page["recipes"]))


def recommend(runtime, campaign_arn, user):
    answer = runtime.get_recommendations(campaignArn=campaign_arn, userId=user, numResults=10)
    print(f"recommended to {user}:", *(item["itemId"] for item in answer["itemList"]))


def run(walkthrough):
    """Ends with one line that says what was refused, and 1."""
    # Each line when it is true, also into a pipe.
    sys.stdout.reconfigure(line_buffering=True)
    try:
        walkthrough()
    except (BotoCoreError, ClientError) as refused:
        sys.exit(str(refused))
