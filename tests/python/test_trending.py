"""aws-trending-now: what rises at the end of the data, whoever asks."""

import time

import pytest

from server import ROLE, wait
from test_errors import refused

RECIPE = "arn:aws:personalize:::recipe/aws-trending-now"
NOW = 1_700_000_000
HOUR = 3_600


def csv(rising, end):
    """Forty items that a hundred users meet, one each hour, for twelve hours, and one that is met at the end alone."""
    rows = [
        (f"u{user}", f"i{(user * 7 + hour) % 40}", NOW - hour * HOUR - user)
        for hour in range(12)
        for user in range(100)
    ]
    rows += [(f"u{user}", rising, end - user) for user in range(20)]
    return ("USER_ID,ITEM_ID,TIMESTAMP\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows)).encode()


@pytest.fixture(scope="module")
def news(personalize, s3, world):
    p = personalize
    group = p.create_dataset_group(name="news")["datasetGroupArn"]
    dataset = p.create_dataset(
        name="news", schemaArn=world.schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    solution = p.create_solution(
        name="news",
        datasetGroupArn=group,
        recipeArn=RECIPE,
        solutionConfig={"featureTransformationParameters": {"trend_discovery_frequency": "1 hour"}},
    )["solutionArn"]
    return {"group": group, "dataset": dataset, "solution": solution}


def trained(p, s3, news, name, body, mode="FULL"):
    s3.put_object(Bucket="conformance", Key=f"news/{name}.csv", Body=body)
    job = p.create_dataset_import_job(
        jobName=f"news-{name}",
        datasetArn=news["dataset"],
        dataSource={"dataLocation": f"s3://conformance/news/{name}.csv"},
        roleArn=ROLE,
        importMode=mode,
    )["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported
    version = p.create_solution_version(solutionArn=news["solution"])["solutionVersionArn"]
    ended = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert ended["status"] == "ACTIVE", ended
    return version


def test_new_data_changes_what_is_trending(personalize, runtime, s3, news):
    p = personalize
    version = trained(p, s3, news, "monday", csv("monday", NOW))
    campaign = p.create_campaign(name="news", solutionVersionArn=version)["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
    # Nobody needs to be named.
    first = runtime.get_recommendations(campaignArn=campaign, numResults=5)["itemList"]
    assert first[0] == {"itemId": "monday"} and len(first) == 5
    assert runtime.get_recommendations(campaignArn=campaign, userId="u3", numResults=5)["itemList"] == first

    # Five hours later nobody looks at it any more, and another item rises.
    later = "".join(f"u{user},tuesday,{NOW + 5 * HOUR - user}\n" for user in range(15))
    body = b"USER_ID,ITEM_ID,TIMESTAMP\n" + later.encode()
    version = trained(p, s3, news, "tuesday", body, mode="INCREMENTAL")
    p.update_campaign(campaignArn=campaign, solutionVersionArn=version)
    update = lambda campaignArn: p.describe_campaign(campaignArn=campaignArn)["campaign"]
    assert wait(update, "latestCampaignUpdate", campaignArn=campaign)["status"] == "ACTIVE"
    # A campaign remembers for a second which version it serves.
    for _ in range(40):
        listed = runtime.get_recommendations(campaignArn=campaign, numResults=50)["itemList"]
        items = [item["itemId"] for item in listed]
        if items[0] == "tuesday":
            break
        time.sleep(0.05)
    # What rose on Monday has fallen among the popular ones.
    assert items[0] == "tuesday" and items.index("monday") > 0, items

    metrics = p.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert "trend_prediction_accuracy" in metrics and len(metrics) == 9


def test_the_interval_is_one_of_the_documented_ones(personalize, news):
    request = {
        "name": "bad",
        "datasetGroupArn": news["group"],
        "recipeArn": RECIPE,
        "solutionConfig": {"featureTransformationParameters": {"trend_discovery_frequency": "5 minutes"}},
    }
    code, message = refused(personalize, "CreateSolution", request)
    assert code == "InvalidInputException" and "30 minutes" in message
    recipe = personalize.describe_recipe(recipeArn=RECIPE)["recipe"]
    assert recipe["recipeType"] == "POPULAR_ITEMS"
