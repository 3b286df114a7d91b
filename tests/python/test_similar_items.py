"""aws-similar-items: alike in who meets them and in what they are."""

import pytest

from server import wait

RECIPE = "arn:aws:personalize:::recipe/aws-similar-items"


@pytest.fixture(scope="module")
def campaign(personalize, films):
    p = personalize
    solution = p.create_solution(name="similar", datasetGroupArn=films, recipeArn=RECIPE)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained
    campaign = p.create_campaign(name="similar", solutionVersionArn=version)["campaignArn"]
    deployed = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert deployed["status"] == "ACTIVE", deployed
    return {"campaign": campaign, "version": version}


def similar(runtime, campaign, item, count=10):
    answer = runtime.get_recommendations(campaignArn=campaign["campaign"], itemId=item, numResults=count)
    # The recipe has no scores.
    assert all(set(element) == {"itemId"} for element in answer["itemList"])
    return [element["itemId"] for element in answer["itemList"]]


@pytest.mark.parametrize("item, taste", [("i4", 0), ("i7", 1), ("new-comedy", 0), ("new-western", 1)])
def test_items_of_the_same_kind_are_similar_also_to_one_that_nobody_met(runtime, campaign, item, taste):
    kin = {f"i{number}" for number in range(40) if number % 2 == taste} | {["new-comedy", "new-western"][taste]}
    found = similar(runtime, campaign, item)
    assert len(set(found)) == 10 and set(found) <= kin - {item}, found


def test_an_unknown_item_gets_what_is_popular(runtime, campaign):
    assert similar(runtime, campaign, "unheard of", 5) == similar(runtime, campaign, "never seen", 5)


def test_metrics_are_the_eight_and_stand_on_the_whole_catalogue(personalize, campaign):
    metrics = personalize.get_solution_metrics(solutionVersionArn=campaign["version"])["metrics"]
    assert len(metrics) == 8 and metrics["coverage"] > 0
    algorithm = personalize.describe_algorithm(algorithmArn="arn:aws:personalize:::algorithm/aws-similar-items")
    assert algorithm["algorithm"]["defaultHyperParameters"] == {
        "item_id_hidden_dim": "100",
        "item_metadata_hidden_dim": "100",
    }
