"""Each exception, each constraint broken one at a time, pages, and operations that are not there."""

import json
import pathlib
import re
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

import data
from model import load
from server import ROLE, wait, wait_gone

LONG = "x" * 64
BAD_NAMES = ["", "-a", "a b", "é", "_a", LONG]
ACCOUNT = "arn:aws:personalize:us-east-1:000000000000"
HRNN = "arn:aws:personalize:::recipe/aws-hrnn"
POPULARITY = "arn:aws:personalize:::recipe/aws-popularity-count"


def refused(client, operation, params):
    """The exception's name and message; the call must not succeed."""
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def good(w):
    """A request that would pass, for each operation that takes more than one ARN."""
    return {
        "CreateDatasetGroup": {"name": "ok"},
        "CreateSchema": {"name": "ok", "schema": data.interactions_schema()},
        "CreateDataset": {
            "name": "ok",
            "schemaArn": w.schema,
            "datasetGroupArn": w.group,
            "datasetType": "Interactions",
        },
        "CreateDatasetImportJob": {
            "jobName": "ok",
            "datasetArn": w.dataset,
            "dataSource": {"dataLocation": f"s3://{w.bucket}/interactions.csv"},
            "roleArn": ROLE,
        },
        "CreateSolution": {"name": "ok", "datasetGroupArn": w.group, "recipeArn": HRNN},
        "UpdateSolution": {"solutionArn": w.solution},
        "CreateSolutionVersion": {"solutionArn": w.solution},
        "CreateCampaign": {"name": "ok", "solutionVersionArn": w.version},
        "UpdateCampaign": {"campaignArn": w.campaign},
        "CreateBatchInferenceJob": {
            "jobName": "ok",
            "solutionVersionArn": w.version,
            "jobInput": {"s3DataSource": {"path": f"s3://{w.bucket}/users.json"}},
            "jobOutput": {"s3DataDestination": {"path": f"s3://{w.bucket}/answers/"}},
            "roleArn": ROLE,
        },
        "CreateFilter": {
            "name": "ok",
            "datasetGroupArn": w.group,
            "filterExpression": 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
        },
        "ListRecipes": {},
        "ListSchemas": {},
        "ListDatasets": {},
        "DescribeCampaign": {"campaignArn": w.campaign},
    }


KEY = "arn:aws:kms:us-east-1:000000000000:key/x"

# Operation, what is changed in the good request (None removes a member), a word of the message.
BROKEN = [
    *[("CreateDatasetGroup", {"name": name}, "name") for name in BAD_NAMES],
    ("CreateDatasetGroup", {"name": None}, "name"),
    ("CreateDatasetGroup", {"roleArn": "arn:aws:iam::1:role/x"}, "roleArn"),
    ("CreateDatasetGroup", {"roleArn": "r" * 257}, "roleArn"),
    ("CreateDatasetGroup", {"domain": "GAMES"}, "domain"),
    ("CreateDatasetGroup", {"kmsKeyArn": KEY, "roleArn": ROLE}, "KmsKeyArn of the template"),
    *[
        ("CreateDatasetGroup", {"tags": tags}, word)
        for tags, word in [
            ([{"tagKey": "", "tagValue": "b"}], "tags[0].tagKey"),
            ([{"tagKey": "k" * 129, "tagValue": "b"}], "tags[0].tagKey"),
            ([{"tagKey": "a", "tagValue": "v" * 257}], "tags[0].tagValue"),
            ([{"tagKey": "a"}], "tags[0].tagValue"),
            ([{"tagKey": "a!", "tagValue": "b"}], "regular expression pattern"),
            ([{"tagKey": "aws:a", "tagValue": "b"}], "reserved"),
            ([{"tagKey": "a", "tagValue": "b"}, {"tagKey": "a", "tagValue": "c"}], "more than once"),
            ([{"tagKey": f"{key}", "tagValue": ""} for key in range(201)], "200"),
        ]
    ],
    ("CreateSchema", {"name": LONG}, "name"),
    ("CreateSchema", {"schema": None}, "schema"),
    ("CreateSchema", {"schema": "x" * 20_001}, "schema"),
    ("CreateSchema", {"schema": "{not json"}, "JSON"),
    ("CreateSchema", {"schema": '{"type":"record","name":"Interactions","fields":[]}'}, "fields"),
    (
        "CreateSchema",
        {"schema": data.interactions_schema({"name": "NESTED", "type": {"type": "record", "name": "N", "fields": []}})},
        "NESTED",
    ),
    ("CreateSchema", {"schema": data.interactions_schema().replace("TIMESTAMP", "WHEN")}, "TIMESTAMP"),
    ("CreateSchema", {"schema": data.interactions_schema().replace('"long"', '"string"')}, "TIMESTAMP"),
    ("CreateSchema", {"domain": "GAMES"}, "domain"),
    ("CreateDataset", {"name": LONG}, "name"),
    ("CreateDataset", {"schemaArn": "arn:aws:s3:::x"}, "schemaArn"),
    ("CreateDataset", {"datasetGroupArn": "nonsense"}, "datasetGroupArn"),
    ("CreateDataset", {"datasetGroupArn": ACCOUNT + ":dataset-group/" + "x" * 250}, "datasetGroupArn"),
    ("CreateDataset", {"datasetType": "Inter actions"}, "datasetType"),
    ("CreateDataset", {"datasetType": "Films"}, "datasetType"),
    ("CreateDataset", {"datasetType": "Actions"}, "INTERACTIONS"),
    # The schema is one of interactions.
    ("CreateDataset", {"datasetType": "Items"}, "INTERACTIONS"),
    ("CreateDatasetImportJob", {"jobName": LONG}, "jobName"),
    ("CreateDatasetImportJob", {"dataSource": None}, "dataSource"),
    ("CreateDatasetImportJob", {"dataSource": {}}, "dataSource.dataLocation"),
    ("CreateDatasetImportJob", {"dataSource": {"dataLocation": "ratings.csv"}}, "Invalid Data location."),
    ("CreateDatasetImportJob", {"dataSource": {"dataLocation": "https://a.b/c"}}, "Invalid Data location."),
    ("CreateDatasetImportJob", {"dataSource": {"dataLocation": "s3://" + "b" * 300 + "/k"}}, "dataLocation"),
    ("CreateDatasetImportJob", {"roleArn": "me"}, "roleArn"),
    ("CreateDatasetImportJob", {"importMode": "SOME"}, "importMode"),
    ("CreateDatasetImportJob", {"publishAttributionMetricsToS3": True}, "publishAttributionMetricsToS3"),
    ("CreateSolution", {"name": LONG}, "name"),
    ("CreateSolution", {"recipeArn": None}, "recipeArn"),
    ("CreateSolution", {"performHPO": True, "recipeArn": POPULARITY}, "no hyperparameter that can be tuned"),
    ("CreateSolution", {"performAutoML": True}, "performAutoML"),
    ("CreateSolution", {"performIncrementalUpdate": True}, "performIncrementalUpdate"),
    ("CreateSolution", {"eventType": "x" * 257}, "eventType"),
    *[
        ("CreateSolution", {"solutionConfig": config}, word)
        for config, word in [
            ({"eventValueThreshold": "much"}, "eventValueThreshold"),
            ({"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "1"}}}, "hpoConfig"),
            ({"autoMLConfig": {"metricName": "x"}}, "autoMLConfig"),
            ({"eventsConfig": {"eventParametersList": [{"eventType": "a"}]}}, "needs the column EVENT_TYPE"),
            ({"optimizationObjective": {"itemAttribute": "PRICE"}}, "aws-hrnn cannot follow it"),
            ({"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["A"]}}}, "has no such dataset"),
            # Off here unless it is asked for, so how often is not enough.
            ({"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}}, "performAutoTraining"),
            *[
                ({"autoTrainingConfig": {"schedulingExpression": text}}, word)
                for text, word in [
                    ("", "length greater than or equal to 1"),
                    ("rate(7 hours)", r"pattern: rate\(\d+ days?\)"),
                    ("cron(0 1 * * *)", "regular expression pattern"),
                    ("rate(0 days)", "1 to 30"),
                    ("rate(31 days)", "1 to 30"),
                    ("rate(1000000000 days)", "length less than or equal to 16"),
                ]
            ],
            ({"algorithmHyperParameters": {"dropout": "1"}}, "algorithm: arn:aws:personalize:::algorithm/aws-hrnn"),
            ({"algorithmHyperParameters": {"hidden_dimension": "31"}}, "32 to 256"),
            ({"algorithmHyperParameters": {"hidden_dimension": "257"}}, "32 to 256"),
            ({"algorithmHyperParameters": {"bptt": "33"}}, "2 to 32"),
            ({"algorithmHyperParameters": {"bptt": "eight"}}, "bptt"),
            ({"algorithmHyperParameters": {"recency_mask": "sometimes"}}, "recency_mask"),
            ({"featureTransformationParameters": {"min_user_history_length_percentile": "1.1"}}, "0 to 1"),
            ({"featureTransformationParameters": {"nothing": "1"}}, "nothing"),
            ({"algorithmHyperParameters": {"bptt": "1" * 1_001}}, "1000"),
        ]
    ],
    ("CreateSolutionVersion", {"name": LONG}, "name"),
    ("CreateSolutionVersion", {"trainingMode": "HALF"}, "trainingMode"),
    ("CreateSolutionVersion", {"trainingMode": "AUTOTRAIN"}, "trainingMode"),
    # The world's recipe counts, so there are no weights to go on from.
    ("CreateSolutionVersion", {"trainingMode": "UPDATE"}, "trainingMode"),
    ("CreateCampaign", {"name": LONG}, "name"),
    ("CreateCampaign", {"minProvisionedTPS": 0}, "minProvisionedTPS"),
    # It must name the solution and no version of it.
    ("CreateCampaign", {"campaignConfig": {"syncWithLatestSolutionVersion": True}}, "$LATEST"),
    ("UpdateCampaign", {"campaignConfig": {"syncWithLatestSolutionVersion": True}}, "$LATEST"),
    ("UpdateSolution", {"solutionArn": "solution"}, "solutionArn"),
    ("UpdateSolution", {"performIncrementalUpdate": True}, "performIncrementalUpdate"),
    ("UpdateSolution", {"solutionUpdateConfig": {"eventsConfig": {"eventParametersList": [{}]}}}, "eventsConfig"),
    (
        "UpdateSolution",
        {"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}},
        "1 to 30",
    ),
    ("CreateCampaign", {"campaignConfig": {"rankingInfluence": {"POPULARITY": 0.5}}}, "rankingInfluence"),
    ("CreateCampaign", {"campaignConfig": {"rankingInfluence": {"POPULARITY": 2}}}, "less than or equal to 1"),
    (
        "CreateBatchInferenceJob",
        {"batchInferenceJobConfig": {"rankingInfluence": {"FRESHNESS": 0.5}}},
        "no shares of the catalogue",
    ),
    ("CreateCampaign", {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0.3"}}}, "explore"),
    ("UpdateCampaign", {"minProvisionedTPS": 0}, "minProvisionedTPS"),
    ("UpdateCampaign", {"campaignArn": "campaign"}, "campaignArn"),
    ("CreateBatchInferenceJob", {"jobName": LONG}, "jobName"),
    ("CreateBatchInferenceJob", {"roleArn": None}, "roleArn"),
    ("CreateBatchInferenceJob", {"numResults": 501}, "numResults"),
    ("CreateBatchInferenceJob", {"filterArn": "f"}, "filterArn"),
    ("CreateFilter", {"name": LONG}, "name"),
    ("CreateFilter", {"datasetGroupArn": "films"}, "datasetGroupArn"),
    ("CreateFilter", {"filterExpression": None}, "filterExpression"),
    ("CreateFilter", {"filterExpression": ""}, "filterExpression"),
    ("CreateFilter", {"filterExpression": "x" * 2_501}, "filterExpression"),
    ("CreateFilter", {"filterExpression": "EXCLUDE"}, "Invalid Expression at character 8"),
    ("CreateBatchInferenceJob", {"batchInferenceJobMode": "THEME_GENERATION"}, "themeGenerationConfig"),
    (
        "CreateBatchInferenceJob",
        {
            "batchInferenceJobMode": "THEME_GENERATION",
            "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}},
        },
        "aws-similar-items",
    ),
    (
        "CreateBatchInferenceJob",
        {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}}},
        "batchInferenceJobMode",
    ),
    ("CreateBatchInferenceJob", {"jobInput": {"s3DataSource": {"path": "users.json"}}}, "Invalid S3 input path"),
    ("CreateBatchInferenceJob", {"jobInput": {"s3DataSource": {}}}, "jobInput.s3DataSource.path"),
    *[
        ("CreateBatchInferenceJob", {part: {place: {"path": "s3://conformance/x/", "kmsKeyArn": KEY}}}, "without AWS KMS")
        for part, place in (("jobInput", "s3DataSource"), ("jobOutput", "s3DataDestination"))
    ],
    ("CreateBatchInferenceJob", {"jobOutput": {"s3DataDestination": {"path": "out/"}}}, "Invalid S3 output path"),
    (
        "CreateBatchInferenceJob",
        {"jobOutput": {"s3DataDestination": {"path": "s3://conformance/no-slash"}}},
        "Invalid S3 output path",
    ),
    (
        "CreateBatchInferenceJob",
        {"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "0.3"}}},
        "explore",
    ),
    ("ListRecipes", {"recipeProvider": "ME"}, "recipeProvider"),
    ("ListDatasets", {"maxResults": 0}, "maxResults"),
    ("ListDatasets", {"maxResults": 101}, "maxResults"),
    ("ListDatasets", {"datasetGroupArn": ACCOUNT + ":solution/x"}, "datasetGroupArn"),
    ("DescribeCampaign", {"campaignArn": None}, "campaignArn"),
    ("DescribeCampaign", {"campaignArn": "x"}, "campaignArn"),
]


@pytest.mark.parametrize("operation, change, word", BROKEN, ids=lambda value: str(value)[:40])
def test_one_broken_constraint(unchecked, world, operation, change, word):
    request = {**good(world)[operation], **change}
    request = {member: value for member, value in request.items() if value is not None}
    code, message = refused(unchecked, operation, request)
    assert code == "InvalidInputException"
    assert word in message


@pytest.mark.parametrize(
    "operation, change, word",
    [
        ("CreateDatasetGroup", {"name": 5}, "name"),
        ("CreateCampaign", {"minProvisionedTPS": "1"}, "minProvisionedTPS"),
        ("CreateSolution", {"performHPO": "false"}, "performHPO"),
        ("CreateSolution", {"solutionConfig": []}, "solutionConfig"),
        ("CreateSolution", {"solutionConfig": {"algorithmHyperParameters": {"bptt": 8}}}, "bptt"),
    ],
)
def test_a_wrong_json_type(server, world, operation, change, word):
    status, error = post(server, operation, json.dumps({**good(world)[operation], **change}).encode())
    assert (status, error["__type"]) == (400, "SerializationException")
    assert word in error["message"]


@pytest.mark.parametrize("body", [b"{", b"[1,2]", b"\xff\xfe", b'"text"', b"{}{}"])
def test_a_body_that_is_no_json_object(server, body):
    status, error = post(server, "ListSchemas", body)
    assert (status, error["__type"]) == (400, "SerializationException")


def post(server, operation, body):
    target = {"X-Amz-Target": "AmazonPersonalize." + operation, "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(server.api + "/", data=body, headers=target, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


UNKNOWN = {
    "datasetGroupArn": ACCOUNT + ":dataset-group/unknown",
    "schemaArn": ACCOUNT + ":schema/unknown",
    "datasetArn": ACCOUNT + ":dataset/unknown/INTERACTIONS",
    "datasetImportJobArn": ACCOUNT + ":dataset-import-job/unknown",
    "solutionArn": ACCOUNT + ":solution/unknown",
    "solutionVersionArn": ACCOUNT + ":solution/unknown/00000000",
    "campaignArn": ACCOUNT + ":campaign/unknown",
    "batchInferenceJobArn": ACCOUNT + ":batch-inference-job/unknown",
    "filterArn": ACCOUNT + ":filter/unknown",
    "recipeArn": "arn:aws:personalize:::recipe/aws-unknown",
    "algorithmArn": "arn:aws:personalize:::algorithm/aws-unknown",
    "featureTransformationArn": "arn:aws:personalize:::feature-transformation/unknown",
}


@pytest.mark.parametrize(
    "operation, member",
    [
        ("DescribeDatasetGroup", "datasetGroupArn"),
        ("DeleteDatasetGroup", "datasetGroupArn"),
        ("DescribeSchema", "schemaArn"),
        ("DeleteSchema", "schemaArn"),
        ("CreateDataset", "schemaArn"),
        ("CreateDataset", "datasetGroupArn"),
        ("DescribeDataset", "datasetArn"),
        ("DeleteDataset", "datasetArn"),
        ("CreateDatasetImportJob", "datasetArn"),
        ("DescribeDatasetImportJob", "datasetImportJobArn"),
        ("CreateSolution", "datasetGroupArn"),
        ("CreateSolution", "recipeArn"),
        ("DescribeSolution", "solutionArn"),
        ("UpdateSolution", "solutionArn"),
        ("DeleteSolution", "solutionArn"),
        ("CreateSolutionVersion", "solutionArn"),
        ("DescribeSolutionVersion", "solutionVersionArn"),
        ("GetSolutionMetrics", "solutionVersionArn"),
        ("StopSolutionVersionCreation", "solutionVersionArn"),
        ("ListSolutionVersions", "solutionArn"),
        ("CreateCampaign", "solutionVersionArn"),
        ("UpdateCampaign", "solutionVersionArn"),
        ("UpdateCampaign", "campaignArn"),
        ("DescribeCampaign", "campaignArn"),
        ("DeleteCampaign", "campaignArn"),
        ("CreateBatchInferenceJob", "solutionVersionArn"),
        ("DescribeBatchInferenceJob", "batchInferenceJobArn"),
        ("CreateFilter", "datasetGroupArn"),
        ("DescribeFilter", "filterArn"),
        ("DeleteFilter", "filterArn"),
        ("CreateBatchInferenceJob", "filterArn"),
        ("DescribeRecipe", "recipeArn"),
        ("DescribeAlgorithm", "algorithmArn"),
        ("DescribeFeatureTransformation", "featureTransformationArn"),
    ],
)
def test_an_unknown_arn(personalize, world, operation, member):
    request = {**good(world).get(operation, {}), member: UNKNOWN[member]}
    code, message = refused(personalize, operation, request)
    assert code == "ResourceNotFoundException"
    assert message.startswith(f"Resource Arn {UNKNOWN[member]} does not exist.")


@pytest.mark.parametrize(
    "operation, member, other",
    [
        ("DescribeSolutionVersion", "solutionVersionArn", "solution"),
        ("CreateCampaign", "solutionVersionArn", "solution"),
        ("DescribeSolution", "solutionArn", "version"),
        ("DescribeDatasetGroup", "datasetGroupArn", "dataset"),
        ("DeleteSchema", "schemaArn", "campaign"),
        ("DescribeFilter", "filterArn", "campaign"),
        ("DeleteSolution", "solutionArn", "version"),
    ],
)
def test_an_arn_of_another_kind(personalize, world, operation, member, other):
    request = {**good(world).get(operation, {}), member: getattr(world, other)}
    assert refused(personalize, operation, request)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "operation, change, name",
    [
        ("CreateDatasetGroup", {"name": "world"}, "group"),
        ("CreateSchema", {"name": "world"}, "schema"),
        # The ARN holds the type, not the dataset's name.
        ("CreateDataset", {"name": "another", "datasetType": "interactions"}, "dataset"),
        ("CreateDatasetImportJob", {"jobName": "world"}, "job"),
        ("CreateSolution", {"name": "world"}, "solution"),
        ("CreateCampaign", {"name": "world"}, "campaign"),
        ("CreateBatchInferenceJob", {"jobName": "world"}, "batch"),
        ("CreateFilter", {"name": "world"}, "filter"),
    ],
)
def test_a_name_that_is_taken(personalize, world, operation, change, name):
    code, message = refused(personalize, operation, {**good(world)[operation], **change})
    assert code == "ResourceAlreadyExistsException"
    assert message == f"Another resource with Arn {getattr(world, name)} already exists."


@pytest.mark.parametrize(
    "operation, member, name, blocker",
    [
        ("DeleteDatasetGroup", "datasetGroupArn", "group", "dataset"),
        ("DeleteSchema", "schemaArn", "schema", "dataset"),
        ("DeleteSolution", "solutionArn", "solution", "campaign"),
    ],
)
def test_a_delete_that_something_blocks(personalize, world, operation, member, name, blocker):
    code, message = refused(personalize, operation, {member: getattr(world, name)})
    assert code == "ResourceInUseException"
    assert getattr(world, blocker) in message


def test_a_group_without_imported_data_cannot_train(personalize, unique):
    p = personalize
    name = unique("empty")
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    code, message = refused(p, "CreateSolutionVersion", {"solutionArn": solution})
    assert code == "InvalidInputException" and "CreateDataset" in message
    schema = p.create_schema(name=name, schema=data.interactions_schema())["schemaArn"]
    dataset = p.create_dataset(
        name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    code, message = refused(p, "CreateSolutionVersion", {"solutionArn": solution})
    assert code == "InvalidInputException" and "CreateDatasetImportJob" in message
    incremental = {
        "jobName": name,
        "datasetArn": dataset,
        "dataSource": {"dataLocation": "s3://conformance/interactions.csv"},
        "importMode": "INCREMENTAL",
    }
    code, message = refused(p, "CreateDatasetImportJob", incremental)
    assert code == "InvalidInputException" and "FULL" in message
    p.delete_solution(solutionArn=solution)
    wait_gone(p.describe_solution, p, solutionArn=solution)
    p.delete_dataset(datasetArn=dataset)
    wait_gone(p.describe_dataset, p, datasetArn=dataset)
    p.delete_schema(schemaArn=schema)
    p.delete_dataset_group(datasetGroupArn=group)
    wait_gone(p.describe_dataset_group, p, datasetGroupArn=group)


def test_a_solution_has_one_version_of_a_name(personalize, world, unique):
    p = personalize
    group = {"datasetGroupArn": world.group, "recipeArn": POPULARITY}
    solutions = [p.create_solution(name=unique("named"), **group)["solutionArn"] for _ in range(2)]
    versions = [p.create_solution_version(solutionArn=arn, name="monday")["solutionVersionArn"] for arn in solutions]
    for solution, version in zip(solutions, versions):
        code, message = refused(p, "CreateSolutionVersion", {"solutionArn": solution, "name": "monday"})
        assert code == "ResourceAlreadyExistsException"
        assert message == f"Another resource with Arn {version} already exists."
        named = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        assert (named["name"], named["status"]) == ("monday", "ACTIVE")
        p.delete_solution(solutionArn=solution)
        wait_gone(p.describe_solution, p, solutionArn=solution)


def test_a_finished_version_cannot_be_stopped(personalize, world):
    code, message = refused(personalize, "StopSolutionVersionCreation", {"solutionVersionArn": world.version})
    assert code == "ResourceInUseException" and "ACTIVE" in message


def test_a_stopped_training_ends_as_stopped_and_has_no_metrics(personalize, world):
    p = personalize
    solution = p.create_solution(name="stop", datasetGroupArn=world.group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    assert refused(p, "GetSolutionMetrics", {"solutionVersionArn": version})[0] == "ResourceInUseException"
    assert refused(p, "DeleteSolution", {"solutionArn": solution})[0] == "ResourceInUseException"
    p.stop_solution_version_creation(solutionVersionArn=version)
    stopped = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert stopped["status"] == "CREATE STOPPED"
    assert refused(p, "GetSolutionMetrics", {"solutionVersionArn": version})[0] == "ResourceInUseException"
    p.delete_solution(solutionArn=solution)
    wait_gone(p.describe_solution, p, solutionArn=solution)


PAGED = [
    ("list_recipes", "recipes", "recipeArn"),
    ("list_schemas", "schemas", "schemaArn"),
    ("list_solutions", "solutions", "solutionArn"),
]


@pytest.mark.parametrize("operation, key, arn", PAGED, ids=[p[0] for p in PAGED])
def test_pages_of_one(personalize, world, unique, operation, key, arn):
    p = personalize
    made = [p.create_schema(name=unique("page"), schema=data.interactions_schema())["schemaArn"] for _ in range(3)]
    group = {"datasetGroupArn": world.group}
    solutions = [
        p.create_solution(name=unique("page"), recipeArn=HRNN, **group)["solutionArn"] for _ in range(2)
    ]
    whole = [element[arn] for element in getattr(p, operation)()[key]]
    assert len(whole) == len(set(whole)) >= 3
    pages = list(p.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1}))
    assert all(len(page[key]) == 1 for page in pages)
    assert [page[key][0][arn] for page in pages] == whole
    assert "nextToken" not in pages[-1]
    for schema in made:
        p.delete_schema(schemaArn=schema)
    for solution in solutions:
        p.delete_solution(solutionArn=solution)
        wait_gone(p.describe_solution, p, solutionArn=solution)


def test_tokens_that_this_list_did_not_give(personalize, unchecked, unique):
    p = personalize
    schemas = [p.create_schema(name=unique("token"), schema=data.interactions_schema()) for _ in range(2)]
    token = p.list_schemas(maxResults=1)["nextToken"]
    cut = token[:-4]
    for operation, given in [
        ("ListRecipes", token),
        ("ListDatasets", token),
        ("ListSchemas", "nonsense"),
        ("ListSchemas", ""),
        ("ListSchemas", cut),
        ("ListSchemas", "x" * 1_501),
    ]:
        assert refused(unchecked, operation, {"nextToken": given})[0] == "InvalidNextTokenException", given
    for schema in schemas:
        p.delete_schema(schemaArn=schema["schemaArn"])




def test_each_operation_of_the_model_is_known(server):
    operations = load("personalize")["operations"]
    assert len(operations) == 71
    for operation in operations:
        status, answer = post(server, operation, b"{}")
        assert answer.get("__type") != "UnknownOperationException", (operation, answer)


def test_the_page_of_operations_has_those_of_the_models():
    page = (pathlib.Path(__file__).parents[2] / "OPERATIONS.md").read_text()
    listed = re.findall(r"^\| ([A-Z]\w+) \|", page, re.MULTILINE)
    models = [load(api)["operations"] for api in ("personalize", "personalize-runtime", "personalize-events")]
    assert sorted(listed) == sorted(operation for model in models for operation in model)
    assert len(listed) == 71 + 3 + 5


@pytest.mark.parametrize("target", ["AmazonPersonalize.CreateNonsense", "DynamoDB_20120810.GetItem", ""])
def test_an_operation_that_nobody_knows(server, target):
    request = urllib.request.Request(server.api + "/", data=b"{}", headers={"X-Amz-Target": target}, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    error = json.loads(caught.value.read())
    assert (caught.value.code, error["__type"]) == (400, "UnknownOperationException")


RUNTIME = [
    ("GetRecommendations", {"campaignArn": "films"}, 400, "The given campaign ARN is invalid: films"),
    ("GetRecommendations", {"campaignArn": ACCOUNT + ":recommender/x"}, 400, "The given campaign ARN is invalid"),
    ("GetRecommendations", {"campaignArn": None}, 400, "campaignArn"),
    ("GetRecommendations", {"campaignArn": UNKNOWN["campaignArn"]}, 404, "does not exist"),
    ("GetRecommendations", {"recommenderArn": ACCOUNT + ":recommender/x", "campaignArn": None}, 404, "recommender/x"),
    ("GetRecommendations", {"userId": None}, 400, "userId"),
    ("GetRecommendations", {"userId": None, "itemId": "i1"}, 400, "userId"),
    ("GetRecommendations", {"userId": "x" * 257}, 400, "userId"),
    ("GetRecommendations", {"numResults": 501}, 400, "numResults"),
    ("GetRecommendations", {"numResults": -1}, 400, "numResults"),
    ("GetRecommendations", {"filterArn": ACCOUNT + ":filter/f"}, 404, "filter/f"),
    ("GetRecommendations", {"filterArn": "f"}, 400, "filterArn"),
    ("GetRecommendations", {"filterValues": {"A": "1"}}, 400, "without 'filterArn'"),
    ("GetRecommendations", {"filterArn": ACCOUNT + ":filter/f", "filterValues": {"a-b": "1"}}, 400, "a-b"),
    ("GetRecommendations", {"filterArn": ACCOUNT + ":filter/f", "filterValues": {"A": "x" * 1_001}}, 400, "filterValues.A"),
    ("GetRecommendations", {"context": {"a-b": "1"}}, 400, "'context'"),
    ("GetRecommendations", {"context": {"A" * 151: "1"}}, 400, "'context'"),
    ("GetRecommendations", {"promotions": [{"name": "p", "percentPromotedItems": 10}]}, 400, "promotions"),
    ("GetRecommendations", {"metadataColumns": {"ITEMS": ["GENRES"]}}, 400, "metadataColumns"),
    ("GetPersonalizedRanking", {"inputList": ["i1", "i2"]}, 400, "PERSONALIZED_RANKING"),
    ("GetPersonalizedRanking", {"inputList": [f"i{n}" for n in range(501)]}, 400, "inputList"),
    ("GetActionRecommendations", {}, 400, "PERSONALIZED_ACTIONS"),
]


@pytest.mark.parametrize("operation, change, status, word", RUNTIME, ids=lambda value: str(value)[:40])
def test_the_runtime(unchecked_runtime, world, operation, change, status, word):
    request = {"campaignArn": world.campaign, "userId": "u1", **change}
    request = {member: value for member, value in request.items() if value is not None}
    with pytest.raises(ClientError) as caught:
        unchecked_runtime._make_api_call(operation, request)
    response = caught.value.response
    expected = {400: "InvalidInputException", 404: "ResourceNotFoundException"}[status]
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (expected, status)
    assert word in response["Error"]["Message"]


def test_context_is_accepted_and_ignored(runtime, world):
    plain = runtime.get_recommendations(campaignArn=world.campaign, userId="u1")["itemList"]
    context = {"DEVICE": "phone"}
    assert runtime.get_recommendations(campaignArn=world.campaign, userId="u1", context=context)["itemList"] == plain
