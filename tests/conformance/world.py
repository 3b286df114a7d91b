"""What the requests are about: resources that are built once, when first asked for, and fresh ones."""

import contextlib
import functools
import json
import time

import data
from conformance.service import NotBuilt, Wrong
from server import ROLE

BUCKET = "conformance"
FILES = f"s3://{BUCKET}/"
ANSWERS = {"s3DataDestination": {"path": f"{FILES}answers/"}}
TAGS = [{"tagKey": "made-by", "tagValue": "conformance"}]
DEADLINE_S = 60
RECIPES = "arn:aws:personalize:::recipe/"
POPULARITY = RECIPES + "aws-popularity-count"
PERSONALIZATION = RECIPES + "aws-user-personalization"
HRNN = RECIPES + "aws-hrnn"
SMALL = {"algorithmHyperParameters": {"hidden_dimension": "32"}}
METRICS = [
    {"eventType": "Watch", "metricName": "views", "expression": "SAMPLECOUNT()"},
    {"eventType": "Watch", "metricName": "worth", "expression": "SUM(Items.YEAR)"},
]


def schema(kind, *fields):
    document = {"type": "record", "name": kind, "namespace": "com.amazonaws.personalize.schema", "version": "1.0"}
    return json.dumps({**document, "fields": [{"name": name, "type": type, **more} for name, type, more in fields]})


def column(name, type="string", **more):
    return name, type, more


INTERACTIONS = schema(
    "Interactions",
    column("USER_ID"),
    column("ITEM_ID"),
    column("EVENT_TYPE"),
    column("TIMESTAMP", "long"),
    column("DEVICE", ["null", "string"], categorical=True),
)
ITEMS = schema(
    "Items",
    column("ITEM_ID"),
    column("GENRES", categorical=True),
    column("YEAR", "int"),
    column("CREATION_TIMESTAMP", "long"),
)
WIDER_ITEMS = ITEMS.replace(
    '{"name": "YEAR"', '{"name": "STUDIO", "type": ["null", "string"], "categorical": true}, {"name": "YEAR"'
)
USERS = schema("Users", column("USER_ID"), column("AGE", ["null", "int"]))
ACTIONS = schema("Actions", column("ACTION_ID"), column("VALUE", ["null", "long"]))
ACTION_INTERACTIONS = schema(
    "ActionInteractions", column("USER_ID"), column("ACTION_ID"), column("EVENT_TYPE"), column("TIMESTAMP", "long")
)
SCHEMAS = {
    "Interactions": INTERACTIONS,
    "Items": ITEMS,
    "Users": USERS,
    "Actions": ACTIONS,
    "Action_Interactions": ACTION_INTERACTIONS,
}


def csv(header, rows):
    return ("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n").encode()


def files():
    """What lies in the bucket, by key."""
    watched = [(u, i, ("Watch", "Click")[n % 8 == 7], t, "phone") for n, (u, i, t) in enumerate(data.rows())]
    # Enough of each type for a recipe that learns from one.
    watched = [row[:3] + (row[3] + 7 * round, row[4]) for round in range(2) for row in watched]
    return {
        "Interactions.csv": csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP,DEVICE", watched),
        "Items.csv": csv(
            "ITEM_ID,GENRES,YEAR,CREATION_TIMESTAMP",
            [(f"i{n}", ("Comedy", "Western|Drama")[n % 2], 1990 + n % 10, 1_500_000_000) for n in range(data.ITEMS)],
        ),
        "Users.csv": csv("USER_ID,AGE", [(f"u{n}", 20 + n) for n in range(data.USERS)]),
        "Actions.csv": csv("ACTION_ID,VALUE", [(f"a{n}", n) for n in range(5)]),
        "Action_Interactions.csv": csv(
            "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP",
            [
                (f"u{n % data.USERS}", f"a{n % 5}", ("TAKEN", "NOT_TAKEN", "VIEWED")[n % 3], 1_600_000_000 + n)
                for n in range(1_500)
            ],
        ),
        "users.json": b'{"userId": "u1"}\n{"userId": "nobody"}\n',
        "items.json": b'{"itemId": "i1"}\n',
        "delete.csv": b"USER_ID\nu59\n",
    }


def once(build):
    """A resource that is built when it is first asked for; so is the reason why it cannot be."""

    def get(self):
        if build.__name__ not in self._built:
            try:
                self._built[build.__name__] = build(self)
            except (NotBuilt, Wrong) as reason:
                self._built[build.__name__] = reason
        found = self._built[build.__name__]
        if isinstance(found, Exception):
            raise found
        return found

    return property(functools.wraps(build)(get))


class World:
    def __init__(self, service):
        self.service = service
        self._built, self._names = {}, 0
        s3 = service.server.client("s3", s3={"addressing_style": "path"})
        s3.create_bucket(Bucket=BUCKET)
        for key, body in files().items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def name(self):
        self._names += 1
        return f"c{self._names}"

    # Steps

    def call(self, operation, **request):
        """The body of an answer that must not fail, or `NotBuilt`."""
        answer = self.service.call(operation, request)
        if answer.not_built:
            raise NotBuilt(answer.message)
        if not answer.ok:
            raise Wrong(f"the world needs this to succeed\n{answer}")
        return answer.body

    def create(self, operation, wrapper=None, **request):
        """The ARN of what is created; with the wrapper of its description, once it is at rest."""
        body = self.call(operation, **request)
        arn = next(value for member, value in body.items() if member.endswith("Arn"))
        if wrapper:
            resource = self.at_rest(wrapper, arn)
            if resource["status"] not in ("ACTIVE", "COMPLETED"):
                raise Wrong(f"the world needs this to succeed\n{resource}")
        return arn

    def status(self, wrapper, arn):
        operation = f"Describe{wrapper[0].upper()}{wrapper[1:]}"
        return self.call(operation, **{f"{wrapper}Arn": arn})[wrapper]

    def at_rest(
        self, wrapper, arn, until=("ACTIVE", "INACTIVE", "COMPLETED", "FAILED", "CREATE FAILED", "CREATE STOPPED")
    ):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            resource = self.status(wrapper, arn)
            updates = [value for member, value in resource.items() if member.startswith("latest") and "status" in value]
            if resource["status"] in until and all(update["status"] in until for update in updates):
                return resource
            if time.monotonic() > deadline:
                raise Wrong(f"still {resource['status']} after {DEADLINE_S} s: {arn}")
            time.sleep(0.005)

    # Dataset groups with data

    def empty_group(self, **more):
        return self.create("CreateDatasetGroup", "datasetGroup", name=self.name(), **more)

    def schema_of(self, kind, domain=None):
        key = ("schema", kind, domain)
        if key not in self._built:
            more = {"domain": domain} if domain else {}
            self._built[key] = self.create("CreateSchema", name=self.name(), schema=SCHEMAS[kind], **more)
        return self._built[key]

    def dataset(self, group, kind, domain=None):
        schema = self.schema_of(kind, domain)
        return self.create(
            "CreateDataset", "dataset", name=self.name(), schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )

    def fresh_dataset(self, kind="Interactions"):
        """A dataset without data, in a group of its own."""
        return self.dataset(self.empty_group(), kind)

    def import_of(self, dataset, kind="Interactions", wrapper="datasetImportJob"):
        source = {"dataLocation": f"{FILES}{kind}.csv"}
        request = {"jobName": self.name(), "datasetArn": dataset, "dataSource": source, "roleArn": ROLE}
        return self.create("CreateDatasetImportJob", wrapper, **request)

    def filled(self, group, *kinds, domain=None):
        for kind in kinds:
            self.import_of(self.dataset(group, kind, domain), kind)
        return group

    @staticmethod
    def dataset_of(group, kind):
        return f"{group.replace(':dataset-group/', ':dataset/')}/{kind.upper()}"

    @once
    def group(self):
        """A group in which everything else is."""
        return self.filled(self.empty_group(), "Interactions", "Items", "Users")

    @property
    def interactions(self):
        return self.dataset_of(self.group, "Interactions")

    @once
    def scratch(self):
        """An Interactions dataset that nothing trains on."""
        dataset = self.fresh_dataset()
        self.import_of(dataset)
        return dataset

    @once
    def wider_items(self):
        """A schema with a column more than that of items."""
        return self.create("CreateSchema", name=self.name(), schema=WIDER_ITEMS)

    @once
    def tagged(self):
        return self.empty_group(tags=[*TAGS, {"tagKey": "kept", "tagValue": ""}])

    @once
    def import_job(self):
        return self.import_of(self.scratch)

    def export(self, wrapper=None):
        request = {"jobName": self.name(), "datasetArn": self.interactions, "roleArn": ROLE, "jobOutput": ANSWERS}
        return self.create("CreateDatasetExportJob", wrapper, **request)

    @once
    def export_job(self):
        return self.export("datasetExportJob")

    @once
    def items_and_users(self):
        """A group whose items and users may be changed."""
        return self.filled(self.empty_group(), "Interactions", "Items", "Users")

    # Trackers and filters

    def tracker_of(self, group):
        return self.create("CreateEventTracker", "eventTracker", name=self.name(), datasetGroupArn=group)

    @once
    def tracker(self):
        return self.tracker_of(self.items_and_users)

    @property
    def tracking_id(self):
        return self.status("eventTracker", self.tracker)["trackingId"]

    def filter_of(self, expression):
        request = {"name": self.name(), "datasetGroupArn": self.group, "filterExpression": expression}
        return self.create("CreateFilter", "filter", **request)

    @once
    def filter(self):
        return self.filter_of("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)")

    @once
    def plain_filter(self):
        return self.filter_of('EXCLUDE ItemID WHERE Items.GENRES IN ("Horror")')

    @once
    def user_filter(self):
        return self.filter_of("INCLUDE UserID WHERE Users.AGE > 30")

    # Models

    def fresh_solution(self, recipe=POPULARITY, **more):
        request = {"name": self.name(), "datasetGroupArn": self.group, "recipeArn": recipe, **more}
        return self.create("CreateSolution", "solution", **request)

    def version_of(self, solution, wrapper="solutionVersion"):
        return self.create("CreateSolutionVersion", wrapper, solutionArn=solution)

    @once
    def version(self):
        return self.version_of(self.fresh_solution())

    @property
    def solution(self):
        return self.version.rpartition("/")[0]

    @once
    def spare_solution(self):
        """A solution that no campaign serves, for versions that nobody needs."""
        return self.fresh_solution()

    @once
    def ranking_version(self):
        return self.version_of(self.fresh_solution(RECIPES + "aws-personalized-ranking", solutionConfig=SMALL))

    @once
    def similar_version(self):
        return self.version_of(self.fresh_solution(RECIPES + "aws-similar-items"))

    @once
    def segment_version(self):
        return self.version_of(self.fresh_solution(RECIPES + "aws-item-affinity", solutionConfig=SMALL))

    @once
    def stopped(self):
        """A version whose training was stopped before it began."""
        with self.busy():
            version = self.version_of(self.fresh_solution(HRNN), wrapper=None)
            self.call("StopSolutionVersionCreation", solutionVersionArn=version)
        if (status := self.status("solutionVersion", version)["status"]) != "CREATE STOPPED":
            raise Wrong(f"a training that was stopped before it began is {status}: {version}")
        return version

    @once
    def endless_solution(self):
        search = {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "40"}}}
        return self.fresh_solution(HRNN, performHPO=True, solutionConfig=search)

    def training(self):
        """A version whose training goes on until it is stopped."""
        version = self.version_of(self.endless_solution, wrapper=None)
        self.at_rest("solutionVersion", version, until=("CREATE IN_PROGRESS",))
        return version

    @contextlib.contextmanager
    def busy(self):
        """While a training goes on no other job begins, so that whatever waits for one stays as it is."""
        version = self.training()
        try:
            yield
        finally:
            answer = self.service.call("StopSolutionVersionCreation", {"solutionVersionArn": version})
            if not answer.ok:
                raise Wrong(f"the training that was to keep everything waiting has ended too soon\n{answer}")
            self.at_rest("solutionVersion", version)

    # What is made of models

    def campaign_of(self, version, wrapper="campaign", **more):
        return self.create("CreateCampaign", wrapper, name=self.name(), solutionVersionArn=version, **more)

    @once
    def campaign_with_metadata(self):
        return self.campaign_of(self.version, campaignConfig={"enableMetadataWithRecommendations": True})

    @once
    def ranking_campaign_with_metadata(self):
        return self.campaign_of(self.ranking_version, campaignConfig={"enableMetadataWithRecommendations": True})

    @once
    def campaign(self):
        return self.campaign_of(self.version)

    @once
    def ranking_campaign(self):
        return self.campaign_of(self.ranking_version)

    @once
    def moving_campaign(self):
        return self.campaign_of(self.version)

    def batch_request(self, version, file, **more):
        return {
            "jobName": self.name(),
            "solutionVersionArn": version,
            "jobInput": {"s3DataSource": {"path": f"{FILES}{file}"}},
            "jobOutput": ANSWERS,
            "roleArn": ROLE,
            **more,
        }

    @once
    def batch_job(self):
        request = self.batch_request(self.version, "users.json")
        return self.create("CreateBatchInferenceJob", "batchInferenceJob", **request)

    @once
    def segment_job(self):
        request = self.batch_request(self.segment_version, "items.json")
        return self.create("CreateBatchSegmentJob", "batchSegmentJob", **request)

    # Recommenders

    DOMAIN = "VIDEO_ON_DEMAND"
    DOMAIN_RECIPE = RECIPES + "aws-vod-most-popular"

    @once
    def domain_group(self):
        group = self.empty_group(domain=self.DOMAIN)
        return self.filled(group, "Interactions", "Items", domain=self.DOMAIN)

    def fresh_recommender(self, wrapper="recommender"):
        group = self.domain_group
        request = {"name": self.name(), "datasetGroupArn": group, "recipeArn": self.DOMAIN_RECIPE}
        return self.create("CreateRecommender", wrapper, **request)

    @once
    def recommender(self):
        return self.fresh_recommender()

    def stopped_recommender(self):
        recommender = self.fresh_recommender()
        self.call("StopRecommender", recommenderArn=recommender)
        self.at_rest("recommender", recommender, until=("INACTIVE",))
        return recommender

    # Metric attributions and data deletion jobs

    def attribution_request(self, group):
        output = {"s3DataDestination": {"path": f"{FILES}metrics/"}, "roleArn": ROLE}
        return {"name": self.name(), "datasetGroupArn": group, "metrics": METRICS, "metricsOutputConfig": output}

    def fresh_attribution(self):
        group = self.empty_group()
        for kind in ("Interactions", "Items"):
            self.dataset(group, kind)
        return self.create("CreateMetricAttribution", "metricAttribution", **self.attribution_request(group))

    @once
    def attribution(self):
        return self.fresh_attribution()

    @property
    def attributed(self):
        """An Interactions dataset whose group has a metric attribution."""
        group = self.status("metricAttribution", self.attribution)["datasetGroupArn"]
        return self.dataset_of(group, "Interactions")

    def deletion_request(self, group):
        source = {"dataLocation": f"{FILES}delete.csv"}
        return {"jobName": self.name(), "datasetGroupArn": group, "dataSource": source, "roleArn": ROLE}

    @once
    def deletion_job(self):
        return self.create("CreateDataDeletionJob", "dataDeletionJob", **self.deletion_request(self.items_and_users))

    # Actions

    @once
    def action_group(self):
        return self.filled(self.empty_group(), "Actions", "Action_Interactions", "Interactions")

    @once
    def action_tracker(self):
        return self.status("eventTracker", self.tracker_of(self.action_group))["trackingId"]

    @once
    def action_campaign(self):
        group, recipe = self.action_group, RECIPES + "aws-next-best-action"
        request = {"name": self.name(), "datasetGroupArn": group, "recipeArn": recipe}
        return self.campaign_of(self.version_of(self.create("CreateSolution", "solution", **request)))

    @once
    def action_filter(self):
        request = {"name": self.name(), "datasetGroupArn": self.action_group}
        expression = "INCLUDE ActionID WHERE Actions.VALUE >= $LEAST"
        return self.create("CreateFilter", "filter", **request, filterExpression=expression)
