"""The control plane: requests first, then the declarations that use them."""

from conformance import world as made
from conformance.declare import (
    Operation,
    dataset_racing,
    delete_twice,
    describe,
    group_racing,
    racing,
    simply,
    while_busy,
)
from conformance.world import ANSWERS, FILES, HRNN, SMALL, TAGS
from server import ROLE

WATCHED = {"eventType": "Watch", "eventValueThreshold": 0.0, "weight": 1.0}
WEIGHTS = {"eventsConfig": {"eventParametersList": [WATCHED, {"eventType": "Click", "weight": 0.2}]}}
NO_GENRES = {"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["GENRES"]}}}
RULE = {"autoTrainingConfig": {"schedulingExpression": "rate(7 days)"}}


def group_request(w):
    return {"name": w.name(), "roleArn": ROLE, "tags": TAGS}


def dataset_request(w, group):
    schema = w.schema_of("Interactions")
    return {
        "name": w.name(),
        "schemaArn": schema,
        "datasetGroupArn": group,
        "datasetType": "Interactions",
        "tags": TAGS,
    }


def import_request(w, dataset):
    source = {"dataLocation": f"{FILES}Interactions.csv"}
    return {
        "jobName": w.name(),
        "datasetArn": dataset,
        "dataSource": source,
        "roleArn": ROLE,
        "importMode": "FULL",
        "publishAttributionMetricsToS3": False,
        "tags": TAGS,
    }


def export_request(w, dataset):
    return {
        "jobName": w.name(),
        "datasetArn": dataset,
        "ingestionMode": "ALL",
        "roleArn": ROLE,
        "jobOutput": ANSWERS,
        "tags": TAGS,
    }


def in_group(w, group, **more):
    return {"name": w.name(), "datasetGroupArn": group, **more, "tags": TAGS}


def solution_request(w, group, **more):
    flags = {"performHPO": False, "performAutoML": False, "performAutoTraining": False}
    config = {**SMALL, "featureTransformationParameters": {"min_user_history_length_percentile": "0.0"}, **RULE}
    return in_group(w, group, recipeArn=HRNN, eventType="Watch", solutionConfig=config, **{**flags, **more})


def configured(**part):
    """A creation of a solution with a further part of its configuration."""

    def request(w):
        solution = solution_request(w, w.group)
        return {**solution, "solutionConfig": {**solution["solutionConfig"], **part}}

    return request


def weighted(w):
    """Event types of its own are instead of the one."""
    return {name: value for name, value in configured(**WEIGHTS)(w).items() if name != "eventType"}


def with_objective(w):
    request = configured(optimizationObjective={"itemAttribute": "YEAR", "objectiveSensitivity": "LOW"})(w)
    return {**request, "recipeArn": made.PERSONALIZATION}


def hpo_request(w):
    ranges = {
        "integerHyperParameterRanges": [{"name": "hidden_dimension", "minValue": 32, "maxValue": 64}],
        "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["true", "false"]}],
    }
    resources = {"maxNumberOfTrainingJobs": "2", "maxParallelTrainingJobs": "1"}
    objective = {"type": "Maximize", "metricName": "precision_at_25", "metricRegex": ""}
    search = {"hpoObjective": objective, "hpoResourceConfig": resources, "algorithmHyperParameterRanges": ranges}
    return in_group(w, w.group, recipeArn=HRNN, performHPO=True, solutionConfig={"hpoConfig": search})


def auto_ml_request(w):
    config = {"autoMLConfig": {"metricName": "precision_at_25", "recipeList": [HRNN, made.POPULARITY]}}
    return in_group(w, w.group, performAutoML=True, solutionConfig=config)


def update_solution(w, solution):
    return {"solutionArn": solution, "performAutoTraining": False, "solutionUpdateConfig": RULE}


def version_request(w, solution):
    return {"name": w.name(), "solutionArn": solution, "trainingMode": "FULL", "tags": TAGS}


def campaign_request(w, version, **config):
    settings = {"syncWithLatestSolutionVersion": False, **config}
    return {
        "name": w.name(),
        "solutionVersionArn": version,
        "minProvisionedTPS": 1,
        "campaignConfig": settings,
        "tags": TAGS,
    }


def update_campaign(w, version=None, **config):
    w.at_rest("campaign", w.moving_campaign)
    settings = {"syncWithLatestSolutionVersion": False, **config}
    return {
        "campaignArn": w.moving_campaign,
        "solutionVersionArn": version or w.version,
        "minProvisionedTPS": 2,
        "campaignConfig": settings,
    }


def inference_request(w, version=None, **more):
    request = w.batch_request(version or w.version, "users.json", filterArn=w.plain_filter, numResults=5, tags=TAGS)
    return {**request, "batchInferenceJobMode": "BATCH_INFERENCE", **more}


def themed(w, **more):
    request = w.batch_request(w.similar_version, "items.json", filterArn=w.plain_filter, numResults=5, tags=TAGS)
    return {**request, **more}


def segment_request(w, version=None):
    version = version or w.segment_version
    return w.batch_request(version, "items.json", filterArn=w.user_filter, numResults=5, tags=TAGS)


def filter_request(w, group=None):
    return in_group(w, group or w.group, filterExpression='INCLUDE ItemID WHERE Items.GENRES IN ("Comedy")')


def recommender_request(w, group=None):
    config = {"minRecommendationRequestsPerSecond": 1}
    return in_group(w, group or w.domain_group, recipeArn=w.DOMAIN_RECIPE, recommenderConfig=config)


def update_recommender(w, recommender):
    return {"recommenderArn": recommender, "recommenderConfig": {"minRecommendationRequestsPerSecond": 2}}


def busy_recommender(operation=None):
    request = operation or (lambda w, recommender: {"recommenderArn": recommender})
    return while_busy(lambda w: w.fresh_recommender(wrapper=None), request)


def attribution_request(w):
    group = w.empty_group()
    for kind in ("Interactions", "Items"):
        w.dataset(group, kind)
    return w.attribution_request(group)


def update_attribution(w, attribution, name=None):
    added = {"eventType": "Click", "metricName": name or w.name(), "expression": "SAMPLECOUNT()"}
    output = {"s3DataDestination": {"path": f"{FILES}others/"}, "roleArn": ROLE}
    return {
        "metricAttributionArn": attribution,
        "addMetrics": [added],
        "removeMetrics": ["worth"],
        "metricsOutputConfig": output,
    }


def importing(w, kind):
    dataset = w.fresh_dataset(kind)
    w.import_of(dataset, kind, wrapper=None)
    return dataset


def filter_of_a_job(w):
    filter = w.create("CreateFilter", **filter_request(w))
    w.create("CreateBatchInferenceJob", **w.batch_request(w.version, "users.json", filterArn=filter))
    return filter


CONTROL = [
    # Dataset groups
    Operation(
        "CreateDatasetGroup",
        group_request,
        variants={
            "domain": lambda w: {**group_request(w), "domain": w.DOMAIN},
            "kmsKeyArn": lambda w: {**group_request(w), "kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/own"},
        },
    ),
    describe("datasetGroup", lambda w: w.group),
    Operation("ListDatasetGroups", lambda w: {}, made_by="CreateDatasetGroup"),
    Operation(
        "DeleteDatasetGroup",
        lambda w: {"datasetGroupArn": w.empty_group()},
        provoke=simply(lambda w: {"datasetGroupArn": w.group}),
    ),
    # Schemas
    Operation(
        "CreateSchema",
        lambda w: {"name": w.name(), "schema": made.INTERACTIONS},
        variants={
            "domain": lambda w: {"name": w.name(), "schema": made.INTERACTIONS, "domain": w.DOMAIN},
        },
    ),
    describe("schema", lambda w: w.schema_of("Items")),
    Operation("ListSchemas", lambda w: {}, made_by="CreateSchema"),
    Operation(
        "DeleteSchema",
        lambda w: {"schemaArn": w.create("CreateSchema", name=w.name(), schema=made.ITEMS)},
        provoke=simply(lambda w: {"schemaArn": w.group and w.schema_of("Items")}),
    ),
    # Datasets
    Operation("CreateDataset", lambda w: dataset_request(w, w.empty_group()), provoke=group_racing(dataset_request)),
    describe("dataset", lambda w: w.interactions),
    Operation("ListDatasets", lambda w: {"datasetGroupArn": w.group}, made_by="CreateDataset"),
    Operation(
        "UpdateDataset",
        lambda w: {"datasetArn": w.fresh_dataset("Items"), "schemaArn": w.wider_items},
        provoke=while_busy(
            lambda w: importing(w, "Items"), lambda w, dataset: {"datasetArn": dataset, "schemaArn": w.wider_items}
        ),
    ),
    Operation(
        "DeleteDataset",
        lambda w: {"datasetArn": w.fresh_dataset()},
        provoke=while_busy(lambda w: importing(w, "Interactions"), lambda w, dataset: {"datasetArn": dataset}),
    ),
    # Imports and exports
    Operation(
        "CreateDatasetImportJob",
        lambda w: import_request(w, w.scratch),
        provoke=dataset_racing(import_request),
        variants={
            "INCREMENTAL": lambda w: {**import_request(w, w.scratch), "importMode": "INCREMENTAL"},
            "publishAttributionMetricsToS3": lambda w: {
                **import_request(w, w.attributed),
                "importMode": "FULL",
                "publishAttributionMetricsToS3": True,
            },
        },
    ),
    describe("datasetImportJob", lambda w: w.import_job),
    Operation("ListDatasetImportJobs", lambda w: {"datasetArn": w.scratch}, made_by="CreateDatasetImportJob"),
    Operation(
        "CreateDatasetExportJob", lambda w: export_request(w, w.interactions), provoke=dataset_racing(export_request)
    ),
    describe("datasetExportJob", lambda w: w.export_job),
    Operation("ListDatasetExportJobs", lambda w: {"datasetArn": w.interactions}, made_by="CreateDatasetExportJob"),
    # Event trackers
    Operation("CreateEventTracker", lambda w: in_group(w, w.empty_group()), provoke=group_racing(in_group)),
    describe("eventTracker", lambda w: w.tracker),
    Operation("ListEventTrackers", lambda w: {"datasetGroupArn": w.items_and_users}, made_by="CreateEventTracker"),
    Operation(
        "DeleteEventTracker",
        lambda w: {"eventTrackerArn": w.tracker_of(w.empty_group())},
        provoke=delete_twice(lambda w: w.tracker_of(w.empty_group()), "DeleteEventTracker", "eventTrackerArn"),
    ),
    # Solutions
    Operation(
        "CreateSolution",
        lambda w: solution_request(w, w.group),
        provoke=group_racing(solution_request),
        variants={
            "performHPO": hpo_request,
            "performAutoML": auto_ml_request,
            "eventValueThreshold": configured(eventValueThreshold="0.5"),
            "performIncrementalUpdate": lambda w: solution_request(
                w, w.filled(w.empty_group(), "Interactions"), performAutoTraining=True, performIncrementalUpdate=True
            ),
            "eventsConfig": weighted,
            "optimizationObjective": with_objective,
            "trainingDataConfig": configured(**NO_GENRES),
            "includedDatasetColumns": configured(
                trainingDataConfig={"includedDatasetColumns": {"ITEMS": ["YEAR"], "Users": ["AGE"]}}
            ),
        },
    ),
    describe("solution", lambda w: w.campaign and w.solution),
    Operation("ListSolutions", lambda w: {"datasetGroupArn": w.group}, made_by="CreateSolution"),
    Operation(
        "UpdateSolution",
        lambda w: update_solution(w, w.fresh_solution()),
        provoke=racing(lambda w: w.fresh_solution(), "DeleteSolution", "solutionArn", update_solution),
        variants={
            "eventsConfig": lambda w: {**update_solution(w, w.fresh_solution()), "solutionUpdateConfig": WEIGHTS},
            "performIncrementalUpdate": lambda w: {
                **update_solution(w, w.fresh_solution()),
                "performIncrementalUpdate": False,
            },
        },
    ),
    Operation(
        "DeleteSolution",
        lambda w: {"solutionArn": w.fresh_solution()},
        provoke=simply(lambda w: {"solutionArn": w.campaign and w.solution}),
    ),
    # Solution versions
    Operation(
        "CreateSolutionVersion",
        lambda w: version_request(w, w.spare_solution),
        provoke=racing(lambda w: w.fresh_solution(), "DeleteSolution", "solutionArn", version_request),
    ),
    describe("solutionVersion", lambda w: w.version),
    Operation("ListSolutionVersions", lambda w: {"solutionArn": w.spare_solution}, made_by="CreateSolutionVersion"),
    Operation(
        "GetSolutionMetrics",
        lambda w: {"solutionVersionArn": w.version},
        provoke=simply(lambda w: {"solutionVersionArn": w.stopped}),
    ),
    Operation(
        "StopSolutionVersionCreation",
        lambda w: {"solutionVersionArn": w.training()},
        base=lambda w: {"solutionVersionArn": w.version},
        provoke=simply(lambda w: {"solutionVersionArn": w.version}),
    ),
    # Campaigns
    Operation(
        "CreateCampaign",
        lambda w: campaign_request(w, w.version),
        provoke=simply(lambda w: campaign_request(w, w.stopped)),
        variants={
            "$LATEST": lambda w: campaign_request(w, f"{w.solution}/$LATEST", syncWithLatestSolutionVersion=True),
            "enableMetadataWithRecommendations": lambda w: campaign_request(
                w, w.version, enableMetadataWithRecommendations=True
            ),
            "rankingInfluence": lambda w: campaign_request(
                w, w.ranking_version, rankingInfluence={"POPULARITY": 0.5, "FRESHNESS": 0.1}
            ),
        },
    ),
    describe("campaign", lambda w: w.campaign),
    Operation("ListCampaigns", lambda w: {"solutionArn": w.solution}, made_by="CreateCampaign"),
    Operation("UpdateCampaign", update_campaign, provoke=simply(lambda w: update_campaign(w, w.stopped))),
    Operation(
        "DeleteCampaign",
        lambda w: {"campaignArn": w.campaign_of(w.version)},
        provoke=while_busy(
            lambda w: w.campaign_of(w.version, wrapper=None), lambda w, campaign: {"campaignArn": campaign}
        ),
    ),
    # Batch jobs
    Operation(
        "CreateBatchInferenceJob",
        inference_request,
        provoke=simply(lambda w: inference_request(w, w.stopped)),
        variants={
            "rankingInfluence": lambda w: inference_request(
                w, w.ranking_version, batchInferenceJobConfig={"rankingInfluence": {"POPULARITY": 0.5}}
            ),
            "THEME_GENERATION": lambda w: themed(
                w,
                batchInferenceJobMode="THEME_GENERATION",
                themeGenerationConfig={"fieldsForThemeGeneration": {"itemName": "GENRES"}},
            ),
        },
    ),
    describe("batchInferenceJob", lambda w: w.batch_job),
    Operation("ListBatchInferenceJobs", lambda w: {"solutionVersionArn": w.version}, made_by="CreateBatchInferenceJob"),
    Operation("CreateBatchSegmentJob", segment_request, provoke=simply(lambda w: segment_request(w, w.stopped))),
    describe("batchSegmentJob", lambda w: w.segment_job),
    Operation(
        "ListBatchSegmentJobs", lambda w: {"solutionVersionArn": w.segment_version}, made_by="CreateBatchSegmentJob"
    ),
    # Filters
    Operation("CreateFilter", filter_request),
    describe("filter", lambda w: w.filter),
    Operation("ListFilters", lambda w: {"datasetGroupArn": w.group}, made_by="CreateFilter"),
    Operation(
        "DeleteFilter",
        lambda w: {"filterArn": w.create("CreateFilter", **filter_request(w))},
        provoke=while_busy(filter_of_a_job, lambda w, filter: {"filterArn": filter}),
    ),
    # What the service owns
    Operation(
        "ListRecipes",
        lambda w: {"recipeProvider": "SERVICE"},
        variants={
            "domain": lambda w: {"domain": w.DOMAIN},
        },
    ),
    describe("recipe", lambda w: HRNN),
    describe("algorithm", lambda w: "arn:aws:personalize:::algorithm/aws-hrnn"),
    describe(
        "featureTransformation",
        lambda w: w.call("DescribeRecipe", recipeArn=HRNN)["recipe"]["featureTransformationArn"],
    ),
    # Tags
    Operation(
        "TagResource",
        lambda w: {"resourceArn": w.tagged, "tags": TAGS},
        provoke=group_racing(lambda w, group: {"resourceArn": group, "tags": TAGS}),
    ),
    Operation(
        "UntagResource",
        lambda w: {"resourceArn": w.tagged, "tagKeys": ["made-by"]},
        provoke=group_racing(lambda w, group: {"resourceArn": group, "tagKeys": ["made-by"]}),
    ),
    Operation("ListTagsForResource", lambda w: {"resourceArn": w.tagged}),
    # Recommenders
    Operation(
        "CreateRecommender",
        recommender_request,
        provoke=group_racing(recommender_request, domain="VIDEO_ON_DEMAND"),
        variants={
            "trainingDataConfig": lambda w: {
                **recommender_request(w),
                "recommenderConfig": {"minRecommendationRequestsPerSecond": 1, **NO_GENRES},
            },
        },
    ),
    describe("recommender", lambda w: w.recommender),
    Operation("ListRecommenders", lambda w: {"datasetGroupArn": w.domain_group}, made_by="CreateRecommender"),
    Operation(
        "UpdateRecommender",
        lambda w: update_recommender(w, w.fresh_recommender()),
        provoke=busy_recommender(update_recommender),
        variants={
            "trainingDataConfig": lambda w: {
                **update_recommender(w, w.fresh_recommender()),
                "recommenderConfig": NO_GENRES,
            },
        },
    ),
    Operation("StartRecommender", lambda w: {"recommenderArn": w.stopped_recommender()}, provoke=busy_recommender()),
    Operation("StopRecommender", lambda w: {"recommenderArn": w.fresh_recommender()}, provoke=busy_recommender()),
    Operation("DeleteRecommender", lambda w: {"recommenderArn": w.fresh_recommender()}, provoke=busy_recommender()),
    # Metric attributions
    Operation(
        "CreateMetricAttribution",
        attribution_request,
        provoke=group_racing(lambda w, group: w.attribution_request(group)),
    ),
    describe("metricAttribution", lambda w: w.attribution),
    Operation(
        "ListMetricAttributions",
        lambda w: {"datasetGroupArn": w.status("metricAttribution", w.attribution)["datasetGroupArn"]},
        made_by="CreateMetricAttribution",
    ),
    Operation("ListMetricAttributionMetrics", lambda w: {"metricAttributionArn": w.attribution}),
    Operation(
        "UpdateMetricAttribution",
        lambda w: update_attribution(w, w.fresh_attribution()),
        provoke={
            "ResourceAlreadyExistsException": lambda w, call: call(
                update_attribution(w, w.fresh_attribution(), "views")
            ),
            **racing(
                lambda w: w.fresh_attribution(), "DeleteMetricAttribution", "metricAttributionArn", update_attribution
            ),
        },
    ),
    Operation(
        "DeleteMetricAttribution",
        lambda w: {"metricAttributionArn": w.fresh_attribution()},
        provoke=delete_twice(lambda w: w.fresh_attribution(), "DeleteMetricAttribution", "metricAttributionArn"),
    ),
    # Data deletion jobs
    Operation(
        "CreateDataDeletionJob",
        lambda w: {**w.deletion_request(w.items_and_users), "tags": TAGS},
        provoke=group_racing(lambda w, group: w.deletion_request(group)),
    ),
    describe("dataDeletionJob", lambda w: w.deletion_job),
    Operation(
        "ListDataDeletionJobs", lambda w: {"datasetGroupArn": w.items_and_users}, made_by="CreateDataDeletionJob"
    ),
]
