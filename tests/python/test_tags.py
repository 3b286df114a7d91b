"""Tags: given at a creation, changed later, listed, and gone with their resource."""

import pytest

from server import wait_gone
from test_errors import ACCOUNT, refused


def tag(key, value):
    return {"tagKey": key, "tagValue": value}


def tags(personalize, arn):
    return personalize.list_tags_for_resource(resourceArn=arn)["tags"]


@pytest.fixture
def group(personalize, unique):
    p = personalize
    arn = p.create_dataset_group(name=unique("tags"), tags=[tag("team", "films"), tag("stage", "")])["datasetGroupArn"]
    yield arn
    p.delete_dataset_group(datasetGroupArn=arn)
    wait_gone(p.describe_dataset_group, p, datasetGroupArn=arn)


def test_tags_come_with_the_creation_and_change_later(personalize, group):
    p = personalize
    assert tags(p, group) == [tag("stage", ""), tag("team", "films")]
    p.tag_resource(resourceArn=group, tags=[tag("team", "songs"), tag("é 1", "_.:/=+-@")])
    p.untag_resource(resourceArn=group, tagKeys=["stage", "unknown"])
    assert tags(p, group) == [tag("team", "songs"), tag("é 1", "_.:/=+-@")]
    # The description has no member for them.
    assert "tags" not in p.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]


def test_they_go_with_their_resource(personalize, unique):
    p = personalize
    name = unique("tags")
    for given in ([tag("a", "1")], []):
        arn = p.create_dataset_group(name=name, tags=given)["datasetGroupArn"]
        assert tags(p, arn) == given
        p.delete_dataset_group(datasetGroupArn=arn)
        wait_gone(p.describe_dataset_group, p, datasetGroupArn=arn)
        assert refused(p, "ListTagsForResource", {"resourceArn": arn})[0] == "ResourceNotFoundException"


def test_every_kind_of_the_world_can_be_tagged(personalize, world):
    p = personalize
    for arn in (
        world.group,
        world.dataset,
        world.job,
        world.solution,
        world.version,
        world.campaign,
        world.batch,
        world.filter,
    ):
        p.tag_resource(resourceArn=arn, tags=[tag("world", "one")])
        assert tag("world", "one") in tags(p, arn)
        p.untag_resource(resourceArn=arn, tagKeys=["world"])
        assert tags(p, arn) == []
    # Nothing else about a resource changes.
    assert p.describe_campaign(campaignArn=world.campaign)["campaign"]["status"] == "ACTIVE"


def test_fifty_tags_and_no_more(personalize, unchecked, group):
    p = personalize
    p.tag_resource(resourceArn=group, tags=[tag(f"k{key}", "") for key in range(48)])
    code, message = refused(p, "TagResource", {"resourceArn": group, "tags": [tag("more", "")]})
    assert code == "TooManyTagsException" and "UntagResource" in message
    assert len(tags(p, group)) == 50
    code, _ = refused(p, "UntagResource", {"resourceArn": group, "tagKeys": [f"k{key}" for key in range(51)]})
    assert code == "TooManyTagKeysException"
    for change, word in [
        ({"tagKeys": ["x" * 129]}, "tagKeys[0]"),
        ({"tagKeys": ["k"] * 201}, "200"),
        ({"resourceArn": "films"}, "resourceArn"),
    ]:
        request = {"resourceArn": group, "tagKeys": ["k0"], **change}
        code, message = refused(unchecked, "UntagResource", request)
        assert code == "InvalidInputException" and word in message


def test_what_carries_no_tags(personalize, world):
    for arn, code in [
        (world.schema, "InvalidInputException"),
        (world.recipe, "InvalidInputException"),
        (ACCOUNT + ":campaign/unknown", "ResourceNotFoundException"),
    ]:
        for operation, rest in [
            ("ListTagsForResource", {}),
            ("TagResource", {"tags": [tag("a", "b")]}),
            ("UntagResource", {"tagKeys": ["a"]}),
        ]:
            found, message = refused(personalize, operation, {"resourceArn": arn, **rest})
            assert found == code and arn in message
