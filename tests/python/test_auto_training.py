"""Automatic training: an upload alone trains and publishes, once."""

import data
from making import until
from server import wait

POPULARITY = "arn:aws:personalize:::recipe/aws-popularity-count"
BUCKET = "osusume"


def popular(item):
    """Interactions that differ from others in what is most popular."""
    rows = "".join(f"u{user},{item},{1_700_000_000 + n}\n" for user in range(30) for n in range(5))
    return data.csv() + rows.encode()


def group(p, name):
    schema = p.create_schema(name=name, schema=data.interactions_schema())["schemaArn"]
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    dataset = p.create_dataset(name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    return group, dataset["datasetArn"]


def imported(p, dataset, count):
    """Waits until so many imports have ended well."""

    def ended():
        jobs = p.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
        assert not [job for job in jobs if job["status"] == "CREATE FAILED"], jobs
        return len(jobs) == count and all(job["status"] == "ACTIVE" for job in jobs)

    until(f"{count} imports", ended)


def versions(p, solution):
    return p.list_solution_versions(solutionArn=solution)["solutionVersions"]


def active(p, solution, count):
    """Waits until so many versions are there and active; gives back the newest."""

    def ready():
        found = versions(p, solution)
        return len(found) == count and all(version["status"] == "ACTIVE" for version in found) and found

    found = until(f"{count} versions", ready)
    assert {version["trainingType"] for version in found} == {"AUTOMATIC"}
    return max(found, key=lambda version: version["creationDateTime"])["solutionVersionArn"]


def test_an_upload_alone_changes_what_a_campaign_serves(personalize, runtime, server, unique):
    p, name = personalize, unique()
    s3 = server.client("s3", s3={"addressing_style": "path"})
    group_arn, dataset = group(p, name)
    solution = p.create_solution(
        name=name, datasetGroupArn=group_arn, recipeArn=POPULARITY, performAutoTraining=True
    )["solutionArn"]
    described = p.describe_solution(solutionArn=solution)["solution"]
    assert described["performAutoTraining"] is True
    assert described["solutionConfig"]["autoTrainingConfig"] == {"schedulingExpression": "rate(7 days)"}

    s3.put_object(Bucket=BUCKET, Key=f"{name}/interactions/first.csv", Body=popular("i1"))
    first = active(p, solution, 1)
    campaign = p.create_campaign(
        name=name,
        solutionVersionArn=f"{solution}/$LATEST",
        campaignConfig={"syncWithLatestSolutionVersion": True},
    )["campaignArn"]
    served = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert served["campaignConfig"] == {"syncWithLatestSolutionVersion": True}
    assert served["solutionVersionArn"] == first
    best = lambda: runtime.get_recommendations(campaignArn=campaign, userId="nobody", numResults=1)["itemList"][0]
    assert best()["itemId"] == "i1"

    s3.put_object(Bucket=BUCKET, Key=f"{name}/interactions/second.csv", Body=popular("i2"))
    # What was active answers all the time.
    until("other answer", lambda: best()["itemId"] == "i2")
    second = active(p, solution, 2)
    now = p.describe_campaign(campaignArn=campaign)["campaign"]
    assert now["solutionVersionArn"] == second
    assert now["latestCampaignUpdate"]["solutionVersionArn"] == second
    assert now["campaignConfig"] == {"syncWithLatestSolutionVersion": True}


def test_a_call_trains_as_an_upload_does_and_the_same_call_changes_nothing(personalize, s3, world, unique):
    p, name = personalize, unique()
    group_arn, dataset = group(p, name)
    solution = p.create_solution(
        name=name, datasetGroupArn=group_arn, recipeArn=POPULARITY, performAutoTraining=True
    )["solutionArn"]
    call = lambda: p.create_dataset_import_job(
        jobName=name, datasetArn=dataset, dataSource={"dataLocation": f"s3://{world.bucket}/interactions.csv"}
    )
    call()
    first = active(p, solution, 1)
    for _ in range(2):
        try:
            call()
        except p.exceptions.ResourceAlreadyExistsException:
            pass
    # Everything asks for what is there, and finds it done.
    p.update_solution(solutionArn=solution, performAutoTraining=True)
    assert [version["solutionVersionArn"] for version in versions(p, solution)] == [first]
    # A solution that is created when there is data begins with it.
    later = p.create_solution(
        name=unique(), datasetGroupArn=group_arn, recipeArn=POPULARITY, performAutoTraining=True
    )["solutionArn"]
    active(p, later, 1)


def test_update_solution_switches_it_off_and_on(personalize, server, unique):
    p, name = personalize, unique()
    s3 = server.client("s3", s3={"addressing_style": "path"})
    group_arn, dataset = group(p, name)
    solution = p.create_solution(
        name=name, datasetGroupArn=group_arn, recipeArn=POPULARITY, performAutoTraining=True
    )["solutionArn"]
    upload = lambda file: s3.put_object(Bucket=BUCKET, Key=f"{name}/interactions/{file}", Body=popular("i3"))
    upload("first.csv")
    active(p, solution, 1)
    p.update_solution(solutionArn=solution, performAutoTraining=False)
    off = p.describe_solution(solutionArn=solution)["solution"]
    assert off["performAutoTraining"] is False
    assert (off["latestSolutionUpdate"]["status"], off["latestSolutionUpdate"]["performAutoTraining"]) == ("ACTIVE", False)
    upload("second.csv")
    imported(p, dataset, 2)
    # Whatever follows the import has begun before another job of this server ends.
    witness = p.create_solution(
        name=unique(), datasetGroupArn=group_arn, recipeArn=POPULARITY, performAutoTraining=True
    )["solutionArn"]
    active(p, witness, 1)
    assert len(versions(p, solution)) == 1
    p.update_solution(
        solutionArn=solution,
        performAutoTraining=True,
        solutionUpdateConfig={"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}},
    )
    active(p, solution, 2)
    on = p.describe_solution(solutionArn=solution)["solution"]
    assert on["solutionConfig"]["autoTrainingConfig"] == {"schedulingExpression": "rate(1 day)"}
    assert on["latestSolutionUpdate"]["solutionUpdateConfig"]["autoTrainingConfig"]["schedulingExpression"] == "rate(1 day)"
