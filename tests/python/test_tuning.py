"""Hyperparameter optimization, AutoML, and training that goes on from an earlier version."""

import pytest

from server import wait, wait_gone

RECIPE = "arn:aws:personalize:::recipe/aws-"
HRNN, SIMS, POPULARITY = RECIPE + "hrnn", RECIPE + "sims", RECIPE + "popularity-count"
NDCG = "normalized_discounted_cumulative_gain_at_25"
FEW = {"maxNumberOfTrainingJobs": "3", "maxParallelTrainingJobs": "2"}


@pytest.fixture
def create(personalize, world, unique):
    """Creates solutions of the world's group, and deletes them at the end: a group holds ten."""
    created = []

    def create(**members):
        answer = personalize.create_solution(name=unique("tuned"), datasetGroupArn=world.group, **members)
        created.append(answer["solutionArn"])
        return created[-1]

    yield create
    for solution in created:
        personalize.delete_solution(solutionArn=solution)
        wait_gone(personalize.describe_solution, personalize, solutionArn=solution)


def train(p, solution, **members):
    version = p.create_solution_version(solutionArn=solution, **members)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    return trained


def test_a_search_within_ranges_returns_the_values_it_found(personalize, create):
    ranges = {
        "integerHyperParameterRanges": [
            {"name": "hidden_dimension", "minValue": 32, "maxValue": 40},
            {"name": "bptt", "minValue": 8, "maxValue": 16},
        ],
        "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["false"]}],
    }
    hpo = {"hpoResourceConfig": FEW, "algorithmHyperParameterRanges": ranges}
    solution = create(recipeArn=HRNN, performHPO=True, solutionConfig={"hpoConfig": hpo})
    trained = train(personalize, solution)
    tuned = trained["tunedHPOParams"]["algorithmHyperParameters"]
    assert 32 <= int(tuned["hidden_dimension"]) <= 40 and 8 <= int(tuned["bptt"]) <= 16
    assert tuned["recency_mask"] == "false"
    assert trained["performHPO"] is True
    # The caller's objective is not followed, and the one that is comes back.
    config = personalize.describe_solution(solutionArn=solution)["solution"]["solutionConfig"]
    assert config["hpoConfig"] == hpo | {"hpoObjective": {"type": "Maximize", "metricName": NDCG}}
    metrics = personalize.get_solution_metrics(solutionVersionArn=trained["solutionVersionArn"])["metrics"]
    assert metrics[NDCG] > 0
    # The same data and seed: the same search.
    assert train(personalize, solution)["tunedHPOParams"] == trained["tunedHPOParams"]


def test_without_ranges_everything_tunable_is_searched(personalize, create):
    config = {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "6"}}}
    tuned = train(personalize, create(recipeArn=SIMS, performHPO=True, solutionConfig=config))["tunedHPOParams"]
    assert set(tuned["algorithmHyperParameters"]) == {"popularity_discount_factor", "min_cointeraction_count"}
    assert 0 <= float(tuned["algorithmHyperParameters"]["popularity_discount_factor"]) <= 1
    assert 0 <= int(tuned["algorithmHyperParameters"]["min_cointeraction_count"]) <= 10


def test_auto_ml_names_the_best_recipe(personalize, create):
    config = {
        "autoMLConfig": {"metricName": "precision_at_10", "recipeList": [POPULARITY, HRNN]},
        "hpoConfig": {"hpoResourceConfig": FEW},
    }
    solution = create(performAutoML=True, solutionConfig=config)
    assert "recipeArn" not in personalize.describe_solution(solutionArn=solution)["solution"]
    trained = train(personalize, solution)
    described = personalize.describe_solution(solutionArn=solution)["solution"]
    # The data has an order to learn, which popularity does not see.
    assert described["autoMLResult"] == {"bestRecipeArn": HRNN}
    assert trained["recipeArn"] == HRNN and trained["performAutoML"] is True
    assert set(trained["tunedHPOParams"]["algorithmHyperParameters"]) == {"hidden_dimension", "bptt", "recency_mask"}


def integer(name, low, high):
    return {"integerHyperParameterRanges": [{"name": name, "minValue": low, "maxValue": high}]}


@pytest.mark.parametrize(
    "recipe, ranges, word",
    [
        (HRNN, integer("bptt", 1, 8), "within 2 to 32"),
        (HRNN, integer("bptt", 9, 8), "minValue must not be above maxValue"),
        (HRNN, integer("depth", 1, 8), "algorithm: arn:aws:personalize:::algorithm/aws-hrnn"),
        (HRNN, integer("recency_mask", 0, 1), "categoricalHyperParameterRanges"),
        (HRNN, {"categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["maybe"]}]}, "maybe"),
        (
            SIMS,
            {"continuousHyperParameterRanges": [{"name": "popularity_discount_factor", "minValue": 0.0, "maxValue": 2.0}]},
            "within 0 to 1",
        ),
        (POPULARITY, {}, "no hyperparameter that can be tuned"),
    ],
)
def test_a_range_that_breaks_a_rule(personalize, create, recipe, ranges, word):
    config = {"hpoConfig": {"algorithmHyperParameterRanges": ranges}}
    with pytest.raises(personalize.exceptions.InvalidInputException, match=word):
        create(recipeArn=recipe, performHPO=True, solutionConfig=config)


@pytest.mark.parametrize(
    "members, word",
    [
        ({"solutionConfig": {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "0"}}}}, "1 to 40"),
        ({"solutionConfig": {"hpoConfig": {"hpoResourceConfig": {"maxParallelTrainingJobs": "11"}}}}, "1 to 10"),
        ({"performAutoML": True}, "either name the recipe or let AutoML choose"),
        ({"solutionConfig": {"autoMLConfig": {"recipeList": [HRNN]}}}, "performAutoML is not true"),
    ],
)
def test_a_search_that_breaks_a_rule(personalize, create, members, word):
    with pytest.raises(personalize.exceptions.InvalidInputException, match=word):
        create(**{"recipeArn": HRNN, "performHPO": True} | members)


def test_auto_ml_compares_recipes_of_one_kind(personalize, create):
    for config, word in [
        ({"autoMLConfig": {"recipeList": [SIMS]}}, "AutoML can compare"),
        ({"autoMLConfig": {"metricName": "loss"}}, "precision_at_5"),
        ({"algorithmHyperParameters": {"bptt": "8"}}, "belongs to one recipe"),
    ]:
        with pytest.raises(personalize.exceptions.InvalidInputException, match=word):
            create(performAutoML=True, solutionConfig=config)


def test_an_update_goes_on_from_the_version_before_it(personalize, create):
    solution = create(recipeArn=HRNN)
    with pytest.raises(personalize.exceptions.InvalidInputException, match="no ACTIVE solution version"):
        personalize.create_solution_version(solutionArn=solution, trainingMode="UPDATE")
    full = train(personalize, solution)
    assert full["trainingMode"] == "FULL"
    updated = train(personalize, solution, trainingMode="UPDATE")
    assert updated["trainingMode"] == "UPDATE"
    # Its weights have seen the users that a metric would be measured on.
    assert personalize.get_solution_metrics(solutionVersionArn=updated["solutionVersionArn"])["metrics"] == {}
