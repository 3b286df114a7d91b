"""What most worlds are made of: imports, trainings and campaigns that have ended well."""

import time

from server import ROLE, wait


def imported(p, dataset, location, name, **more):
    """An import of what lies at an S3 address; gives back the job."""
    request = {"jobName": name, "datasetArn": dataset, "dataSource": {"dataLocation": location}, "roleArn": ROLE, **more}
    job = p.create_dataset_import_job(**request)["datasetImportJobArn"]
    done = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert done["status"] == "ACTIVE", done.get("failureReason")
    return job


def trained(p, solution):
    """A new version of a solution."""
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    done = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert done["status"] == "ACTIVE", done.get("failureReason")
    return version


def deployed(p, name, version, **more):
    """A campaign that serves a version."""
    campaign = p.create_campaign(name=name, solutionVersionArn=version, **more)["campaignArn"]
    done = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert done["status"] == "ACTIVE", done.get("failureReason")
    return campaign


def until(what, found, deadline_s=60, every_s=0.05):
    """Polls until there is something; gives it back."""
    deadline = time.monotonic() + deadline_s
    while not (result := found()):
        assert time.monotonic() < deadline, f"no {what} after {deadline_s} s"
        time.sleep(every_s)
    return result
