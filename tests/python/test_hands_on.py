"""The hands-on, as notebooks have done it since 2019: nothing but boto3, from CSV to clean-up."""

import json
import time
import urllib.error
import urllib.request

import pytest

import data
from making import deployed, imported, trained
from server import ROLE, wait, wait_gone

HRNN = "arn:aws:personalize:::recipe/aws-hrnn"
METRICS = {
    "coverage",
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "precision_at_5",
    "precision_at_10",
    "precision_at_25",
}


def test_hands_on(personalize, runtime, s3):
    p = personalize
    bucket = "hands-on"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="ratings.csv", Body=data.csv())

    schema = p.create_schema(name="DEMO-schema", schema=data.interactions_schema())["schemaArn"]
    group = p.create_dataset_group(name="DEMO-group")["datasetGroupArn"]
    assert wait(p.describe_dataset_group, "datasetGroup", datasetGroupArn=group)["status"] == "ACTIVE"
    dataset = p.create_dataset(
        name="DEMO-dataset", datasetType="INTERACTIONS", datasetGroupArn=group, schemaArn=schema
    )["datasetArn"]
    assert dataset.endswith(":dataset/DEMO-group/INTERACTIONS")

    job = p.create_dataset_import_job(
        jobName="DEMO-import",
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{bucket}/ratings.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported.get("failureReason")

    assert HRNN in {recipe["recipeArn"] for recipe in p.list_recipes()["recipes"]}
    solution = p.create_solution(
        name="DEMO-solution",
        datasetGroupArn=group,
        recipeArn=HRNN,
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32", "bptt": "8"}},
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    assert version.startswith(solution + "/")
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    assert trained["trainingHours"] >= 0

    metrics = p.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert METRICS <= set(metrics)
    assert all(0 <= value <= 1 and round(value, 4) == value for value in metrics.values()), metrics

    campaign = p.create_campaign(name="DEMO-campaign", solutionVersionArn=version, minProvisionedTPS=1)
    campaign = campaign["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"

    answers(runtime, campaign)
    batch(p, s3, bucket, version)
    clean_up(p, campaign, solution, dataset, schema, group)


def answers(runtime, campaign):
    catalogue = {f"i{n}" for n in range(data.ITEMS)}
    for user in ("u1", "u2", "never seen", "日本"):
        answer = runtime.get_recommendations(campaignArn=campaign, userId=user)
        items = [item["itemId"] for item in answer["itemList"]]
        assert len(items) == len(set(items)) == 25
        assert set(items) <= catalogue
        scores = [item["score"] for item in answer["itemList"]]
        assert scores == sorted(scores, reverse=True)
        assert answer["recommendationId"].startswith("RID-") and len(answer["recommendationId"]) == 40
    five = runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=5)["itemList"]
    assert len(five) == 5
    assert runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=0)["itemList"] == []
    assert len(runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=500)["itemList"]) > 25


def batch(p, s3, bucket, version):
    lines = [{"userId": "u1"}, {"userId": "never seen"}]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    s3.put_object(Bucket=bucket, Key="in/users.json", Body=body)
    job = p.create_batch_inference_job(
        jobName="DEMO-batch",
        solutionVersionArn=version,
        numResults=10,
        jobInput={"s3DataSource": {"path": f"s3://{bucket}/in/users.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{bucket}/out/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    done = wait(p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert done["status"] == "ACTIVE", done.get("failureReason")
    written = s3.get_object(Bucket=bucket, Key="out/users.json.out")["Body"].read().decode()
    results = [json.loads(line) for line in written.splitlines()]
    assert [result["input"] for result in results] == lines
    for result in results:
        assert result["error"] is None
        assert len(result["output"]["recommendedItems"]) == 10
        assert len(result["output"]["scores"]) == 10


def clean_up(p, campaign, solution, dataset, schema, group):
    """In the safe order; each wrong order is refused with the name of what is in the way."""
    in_use = p.exceptions.ResourceInUseException
    for delete, arn, blocker in [
        (p.delete_solution, {"solutionArn": solution}, campaign),
        (p.delete_schema, {"schemaArn": schema}, dataset),
        (p.delete_dataset_group, {"datasetGroupArn": group}, dataset),
    ]:
        with pytest.raises(in_use, match=blocker):
            delete(**arn)

    p.delete_campaign(campaignArn=campaign)
    wait_gone(p.describe_campaign, p, campaignArn=campaign)
    p.delete_solution(solutionArn=solution)
    wait_gone(p.describe_solution, p, solutionArn=solution)
    left = [version["solutionVersionArn"] for version in p.list_solution_versions()["solutionVersions"]]
    assert not [version for version in left if version.startswith(solution + "/")]
    p.delete_dataset(datasetArn=dataset)
    wait_gone(p.describe_dataset, p, datasetArn=dataset)
    p.delete_schema(schemaArn=schema)
    wait_gone(p.describe_schema, p, schemaArn=schema)
    p.delete_dataset_group(datasetGroupArn=group)
    wait_gone(p.describe_dataset_group, p, datasetGroupArn=group)
    assert group not in {g["datasetGroupArn"] for g in p.list_dataset_groups()["datasetGroups"]}
    with pytest.raises(p.exceptions.ResourceNotFoundException):
        p.delete_dataset_group(datasetGroupArn=group)


def test_related_items(personalize, runtime, world, unique):
    p = personalize
    name = unique("sims")
    solution = p.create_solution(
        name=name, datasetGroupArn=world.group, recipeArn="arn:aws:personalize:::recipe/aws-sims"
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    # $LATEST stands for the newest active version.
    campaign = p.create_campaign(name=name, solutionVersionArn=solution + "/$LATEST")["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["solutionVersionArn"] == version
    related = runtime.get_recommendations(campaignArn=campaign, itemId="i2", numResults=10)["itemList"]
    items = [item["itemId"] for item in related]
    assert "i2" not in items and len(items) == 10
    assert all("score" not in item for item in related)
    # Users of this taste never touch the odd items.
    assert all(int(item[1:]) % 2 == 0 for item in items), items
    unknown = runtime.get_recommendations(campaignArn=campaign, itemId="never seen", numResults=10)["itemList"]
    assert len(unknown) == 10
    with pytest.raises(runtime.exceptions.InvalidInputException, match="itemId"):
        runtime.get_recommendations(campaignArn=campaign, userId="u1")
    p.delete_campaign(campaignArn=campaign)
    wait_gone(p.describe_campaign, p, campaignArn=campaign)
    p.delete_solution(solutionArn=solution)
    wait_gone(p.describe_solution, p, solutionArn=solution)


def test_a_campaign_moves_to_a_new_version_and_back(personalize, runtime, s3, unique):
    p, bucket = personalize, "rollback"
    name = unique("update")
    s3.create_bucket(Bucket=bucket)
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    schema = p.create_schema(name=name, schema=data.interactions_schema())["schemaArn"]
    dataset = p.create_dataset(name=name, datasetType="INTERACTIONS", datasetGroupArn=group, schemaArn=schema)
    small = {"algorithmHyperParameters": {"hidden_dimension": "32", "bptt": "8"}}
    solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=HRNN, solutionConfig=small)["solutionArn"]

    def version_of(file, body):
        s3.put_object(Bucket=bucket, Key=file, Body=body)
        imported(p, dataset["datasetArn"], f"s3://{bucket}/{file}", f"{name}-{file}")
        return trained(p, solution)

    def lists():
        ask = lambda user: runtime.get_recommendations(campaignArn=campaign, userId=user)["itemList"]
        return [ask(user) for user in ("u1", "u2")]

    first = version_of("first", data.csv())
    campaign = deployed(p, name, first)
    of_first = lists()
    # The same walks the other way round.
    turned = [f"{user},{item},{3_200_000_000 - time}" for user, item, time in data.rows()]
    second = version_of("second", "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *turned]).encode())
    for version in (second, first):
        p.update_campaign(campaignArn=campaign, solutionVersionArn=version, minProvisionedTPS=2)
        described = p.describe_campaign(campaignArn=campaign)["campaign"]
        assert described["status"] == "ACTIVE"
        assert described["latestCampaignUpdate"]["solutionVersionArn"] == version
        assert all(lists())
        wait(
            lambda campaignArn: p.describe_campaign(campaignArn=campaignArn)["campaign"],
            "latestCampaignUpdate",
            campaignArn=campaign,
        )
        moved = p.describe_campaign(campaignArn=campaign)["campaign"]
        assert (moved["solutionVersionArn"], moved["minProvisionedTPS"]) == (version, 2)
        # A campaign remembers for a second which version it serves.
        time.sleep(1.1)
        same = [mine == its for mine, its in zip(lists(), of_first, strict=True)]
        assert same == [version == first] * 2
    p.delete_campaign(campaignArn=campaign)
    wait_gone(p.describe_campaign, p, campaignArn=campaign)


def test_an_address_for_browsers_answers_as_the_api_does(server, runtime, world):
    url = f"{server.api}/campaigns/world/recommendations/u1"
    with urllib.request.urlopen(f"{url}?numResults=3") as answer:
        readable = json.load(answer)
    asked = runtime.get_recommendations(campaignArn=world.campaign, userId="u1", numResults=3)
    assert readable["itemList"] == asked["itemList"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}?numResults=many")
    assert refused.value.code == 400
    assert "'many'" in json.load(refused.value)["message"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.api}/campaigns/nothing/recommendations/u1")
    assert refused.value.code == 404
