"""Each response against the official model, and the members that must be there.

Every client in this suite checks every answer for unknown members, types, patterns and ranges (see
`server.py`). The model marks hardly any member of a response as required, so the members that
clients rely on are listed here.
"""

import json
import urllib.request

import pytest

import data

DATES = {"creationDateTime", "lastUpdatedDateTime"}
STATUS = DATES | {"status"}

DESCRIBES = [
    ("describe_dataset_group", "datasetGroup", "group", {"name", "datasetGroupArn", "roleArn"} | STATUS),
    ("describe_schema", "schema", "schema", {"name", "schemaArn", "schema"} | DATES),
    (
        "describe_dataset",
        "dataset",
        "dataset",
        {"name", "datasetArn", "datasetGroupArn", "datasetType", "schemaArn"} | STATUS,
    ),
    (
        "describe_dataset_import_job",
        "datasetImportJob",
        "job",
        {
            "jobName",
            "datasetImportJobArn",
            "datasetArn",
            "dataSource",
            "roleArn",
            "importMode",
            "publishAttributionMetricsToS3",
        }
        | STATUS,
    ),
    (
        "describe_solution",
        "solution",
        "solution",
        {
            "name",
            "solutionArn",
            "performHPO",
            "performAutoML",
            "performAutoTraining",
            "performIncrementalUpdate",
            "recipeArn",
            "datasetGroupArn",
            "latestSolutionVersion",
        }
        | STATUS,
    ),
    (
        "describe_solution_version",
        "solutionVersion",
        "version",
        {
            "name",
            "solutionVersionArn",
            "solutionArn",
            "performHPO",
            "performAutoML",
            "performIncrementalUpdate",
            "recipeArn",
            "datasetGroupArn",
            "trainingHours",
            "trainingMode",
            "trainingType",
        }
        | STATUS,
    ),
    (
        "describe_campaign",
        "campaign",
        "campaign",
        {"name", "campaignArn", "solutionVersionArn", "minProvisionedTPS"} | STATUS,
    ),
    (
        "describe_batch_inference_job",
        "batchInferenceJob",
        "batch",
        {
            "jobName",
            "batchInferenceJobArn",
            "solutionVersionArn",
            "jobInput",
            "jobOutput",
            "roleArn",
            "batchInferenceJobMode",
        }
        | STATUS,
    ),
    (
        "describe_filter",
        "filter",
        "filter",
        {"name", "filterArn", "datasetGroupArn", "filterExpression"} | STATUS,
    ),
    (
        "describe_recipe",
        "recipe",
        "recipe",
        {"name", "recipeArn", "algorithmArn", "featureTransformationArn", "description", "recipeType"} | STATUS,
    ),
]

LISTS = [
    ("list_dataset_groups", "datasetGroups", {}, {"name", "datasetGroupArn"} | STATUS),
    ("list_schemas", "schemas", {}, {"name", "schemaArn"} | DATES),
    ("list_datasets", "datasets", {"datasetGroupArn": "group"}, {"name", "datasetArn", "datasetType"} | STATUS),
    (
        "list_dataset_import_jobs",
        "datasetImportJobs",
        {"datasetArn": "dataset"},
        {"datasetImportJobArn", "jobName", "importMode"} | STATUS,
    ),
    ("list_solutions", "solutions", {"datasetGroupArn": "group"}, {"name", "solutionArn", "recipeArn"} | STATUS),
    (
        "list_solution_versions",
        "solutionVersions",
        {"solutionArn": "solution"},
        {"solutionVersionArn", "trainingMode", "trainingType"} | STATUS,
    ),
    ("list_campaigns", "campaigns", {"solutionArn": "solution"}, {"name", "campaignArn"} | STATUS),
    (
        "list_batch_inference_jobs",
        "batchInferenceJobs",
        {"solutionVersionArn": "version"},
        {"batchInferenceJobArn", "jobName", "solutionVersionArn", "batchInferenceJobMode"} | STATUS,
    ),
    ("list_filters", "Filters", {"datasetGroupArn": "group"}, {"name", "filterArn", "datasetGroupArn"} | STATUS),
    ("list_recipes", "recipes", {}, {"name", "recipeArn"} | STATUS),
]


@pytest.mark.parametrize("operation, wrapper, name, members", DESCRIBES, ids=[d[0] for d in DESCRIBES])
def test_describe(personalize, world, operation, wrapper, name, members):
    arn = getattr(world, name)
    argument = f"{wrapper}Arn"
    resource = getattr(personalize, operation)(**{argument: arn})[wrapper]
    assert set(resource) == members
    assert resource[argument] == arn
    assert resource.get("status", "ACTIVE") == "ACTIVE"


@pytest.mark.parametrize("operation, key, filters, members", LISTS, ids=[entry[0] for entry in LISTS])
def test_list(personalize, world, operation, key, filters, members):
    listed = getattr(personalize, operation)
    answer = listed(**{member: getattr(world, name) for member, name in filters.items()})
    assert set(answer) == {key, "ResponseMetadata"}
    assert answer[key]
    for element in answer[key]:
        # A resource that failed in another test says why, and those of domains which one.
        assert set(element) - {"failureReason", "domain"} == members
    # Without the filter the list holds at least as much.
    assert len(listed()[key]) >= len(answer[key])


def test_what_was_given_comes_back(personalize, world):
    p = personalize
    job = p.describe_dataset_import_job(datasetImportJobArn=world.job)["datasetImportJob"]
    assert job["dataSource"] == {"dataLocation": f"s3://{world.bucket}/interactions.csv"}
    assert (job["importMode"], job["publishAttributionMetricsToS3"]) == ("FULL", False)
    solution = p.describe_solution(solutionArn=world.solution)["solution"]
    # Nothing trains that nobody asked for.
    assert solution["performAutoTraining"] is False
    assert solution["latestSolutionVersion"]["solutionVersionArn"].startswith(world.solution)
    version = p.describe_solution_version(solutionVersionArn=world.version)["solutionVersion"]
    assert (version["trainingMode"], version["trainingType"]) == ("FULL", "MANUAL")
    assert version["name"] == world.version.split(":solution/")[1]
    batch = p.describe_batch_inference_job(batchInferenceJobArn=world.batch)["batchInferenceJob"]
    assert batch["jobOutput"] == {"s3DataDestination": {"path": f"s3://{world.bucket}/answers/"}}
    dataset = p.describe_dataset(datasetArn=world.dataset)["dataset"]
    assert dataset["datasetType"] == "INTERACTIONS"


def test_solution_config_comes_back_as_it_was_given(personalize, world, unique):
    config = {
        "algorithmHyperParameters": {"popularity_discount_factor": "0.25"},
        "featureTransformationParameters": {"max_item_interaction_count_percentile": "0.95"},
    }
    solution = personalize.create_solution(
        name=unique("config"),
        datasetGroupArn=world.group,
        recipeArn="arn:aws:personalize:::recipe/aws-sims",
        performHPO=False,
        performAutoML=False,
        solutionConfig=config,
    )["solutionArn"]
    described = personalize.describe_solution(solutionArn=solution)["solution"]
    assert described["solutionConfig"] == config
    assert "latestSolutionVersion" not in described
    personalize.delete_solution(solutionArn=solution)


def test_every_recipe_leads_to_its_algorithm_and_feature_transformation(personalize):
    p = personalize
    recipes = p.list_recipes(recipeProvider="SERVICE")["recipes"]
    assert {"aws-hrnn", "aws-popularity-count", "aws-sims"} <= {recipe["name"] for recipe in recipes}
    for summary in recipes:
        recipe = p.describe_recipe(recipeArn=summary["recipeArn"])["recipe"]
        algorithm = p.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
        ranges = algorithm["defaultHyperParameterRanges"]
        ranged = [entry["name"] for kind in ranges.values() for entry in kind]
        assert sorted(ranged) == sorted(algorithm["defaultHyperParameters"])
        transformation = p.describe_feature_transformation(
            featureTransformationArn=recipe["featureTransformationArn"]
        )["featureTransformation"]
        assert set(transformation) == {"name", "featureTransformationArn", "defaultParameters"} | STATUS
    hrnn = p.describe_algorithm(algorithmArn="arn:aws:personalize:::algorithm/aws-hrnn")["algorithm"]
    assert hrnn["defaultHyperParameters"]["hidden_dimension"] == "43"


def test_metrics(personalize, world):
    answer = personalize.get_solution_metrics(solutionVersionArn=world.version)
    assert answer["solutionVersionArn"] == world.version
    assert len(answer["metrics"]) == 8


def test_recommendations(runtime, world):
    answer = runtime.get_recommendations(campaignArn=world.campaign, userId="u1")
    assert set(answer) == {"itemList", "recommendationId", "ResponseMetadata"}
    # popularity-count has no scores, and the same list for everybody.
    assert all(set(item) == {"itemId"} for item in answer["itemList"])
    other = runtime.get_recommendations(campaignArn=world.campaign, userId="never seen")
    assert other["itemList"] == answer["itemList"]
    assert other["recommendationId"] != answer["recommendationId"]


def raw(server, body, **headers):
    request = urllib.request.Request(server.api + "/", data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return answer.status, dict(answer.headers), answer.read()


def test_the_envelope(server, world):
    target = {"X-Amz-Target": "AmazonPersonalize.DescribeDatasetGroup", "Content-Type": "application/x-amz-json-1.1"}
    body = json.dumps({"datasetGroupArn": world.group, "someFutureMember": [1]}).encode()
    status, headers, body = raw(server, body, **target)
    headers = {name.lower(): value for name, value in headers.items()}
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert int(headers["content-length"]) == len(body)
    assert "date" in headers
    created = json.loads(body)["datasetGroup"]["creationDateTime"]
    assert isinstance(created, float) and created > 1_700_000_000


def test_operations_without_output_have_an_empty_body(server, personalize, unique):
    schema = personalize.create_schema(name=unique("gone"), schema=data.interactions_schema())["schemaArn"]
    _, _, body = raw(
        server,
        json.dumps({"schemaArn": schema}).encode(),
        **{"X-Amz-Target": "AmazonPersonalize.DeleteSchema"},
    )
    assert body == b""
