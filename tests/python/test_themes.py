"""THEME_GENERATION: what the items of a list have in common, from their metadata."""

import json
import random
from types import SimpleNamespace

import pytest

import data
from making import imported, trained
from server import ROLE, wait

BUCKET = "themes"
GENRES = ("Western", "Space opera", "Comedy")
EACH = 20
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Items",
        "namespace": "com.amazonaws.personalize.schema",
        "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TITLE", "type": "string"},
            {"name": "GENRES", "type": ["null", "string"], "categorical": True},
            {"name": "STORY", "type": ["null", "string"], "textual": True},
            {"name": "YEAR", "type": "int"},
        ],
        "version": "1.0",
    }
)
# Words that any film may have, and some that those without a genre share.
FILLER = "river winter garden letter promise stranger window shadow summer bridge".split()


def word(draw):
    return "".join(draw.choice("bdfgklmnprst") + draw.choice("aeiou") for _ in range(3))


def films():
    """Id, title, genre and story. The w-films are those of the first genre, and so on; x-films have no genre
    and nothing in common, h-films none and stories of a heist. A comedy that western people see is w-odd."""
    draw = random.Random(3)
    story = lambda: " ".join(draw.sample(FILLER, 3))
    for letter, genre in zip("wsc", GENRES):
        for n in range(EACH):
            yield f"{letter}{n}", f"The {word(draw)} {n}", f"{genre}|Film", story()
    yield "w-odd", "Knock knock", "Comedy|Film", story()
    for n in range(8):
        yield f"x{n}", f"{word(draw)} {word(draw)}", "", ""
        yield f"h{n}", f"{word(draw)} {word(draw)}", "", f"A heist, and a vault that {draw.choice(FILLER)} hides"


FILMS = {film: rest for film, *rest in films()}


def interactions():
    """Each user sees films of one letter alone."""
    draw = random.Random(4)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP"]
    for user in range(300):
        letter = "wscxh"[user % 5]
        own = [film for film in FILMS if film[0] == letter]
        for step, film in enumerate(draw.sample(own, min(len(own), 8))):
            lines.append(f"u{user},{film},{1_600_000_000 + 60 * step}")
    return "\n".join(lines).encode()


@pytest.fixture(scope="module")
def world(personalize, s3):
    p = personalize
    s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name="themes")["datasetGroupArn"]
    rows = [f"{film},{title},{genres},{story},1999".replace(", and", " and") for film, (title, genres, story) in FILMS.items()]
    for kind, avro, body in [
        ("Interactions", data.interactions_schema(), interactions()),
        ("Items", SCHEMA, "\n".join(["ITEM_ID,TITLE,GENRES,STORY,YEAR", *rows]).encode()),
    ]:
        s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body=body)
        schema = p.create_schema(name=f"themes-{kind}", schema=avro)["schemaArn"]
        dataset = p.create_dataset(name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        imported(p, dataset, f"s3://{BUCKET}/{kind}.csv", f"themes-{kind}")
    recipe = "arn:aws:personalize:::recipe/aws-similar-items"
    solution = p.create_solution(name="themes", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]
    return SimpleNamespace(version=trained(p, solution), group=group)


def request(name, world, column="TITLE", **more):
    return {
        "jobName": name,
        "solutionVersionArn": world.version,
        "jobInput": {"s3DataSource": {"path": f"s3://{BUCKET}/{name}.json"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/{name}/"}},
        "roleArn": ROLE,
        "batchInferenceJobMode": "THEME_GENERATION",
        "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": column}},
        **more,
    }


def answers(p, s3, world, name, items, **more):
    """What a job says for each item, whatever it is asked with."""
    lines = "\n".join(json.dumps({"itemId": item}) for item in items)
    s3.put_object(Bucket=BUCKET, Key=f"{name}.json", Body=lines.encode())
    asked = request(name, world, **more)
    job = p.create_batch_inference_job(**asked)["batchInferenceJobArn"]
    done = wait(p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert done["status"] == "ACTIVE", done.get("failureReason")
    for member in ("batchInferenceJobMode", "themeGenerationConfig"):
        assert done[member] == asked[member]
    (listed,) = [job for job in p.list_batch_inference_jobs(solutionVersionArn=world.version)["batchInferenceJobs"]
                 if job["jobName"] == name]  # fmt: skip
    assert listed["batchInferenceJobMode"] == "THEME_GENERATION"
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/{name}.json.out")["Body"].read().decode()
    found = [json.loads(line) for line in body.splitlines()]
    assert [line["input"] for line in found] == [{"itemId": item} for item in items]
    return found


def test_a_theme_names_the_genre_and_relevance_tells_the_outsider(personalize, s3, world):
    asked = ["w3", "s5", "c7"]
    for line, genre, letter in zip(answers(personalize, s3, world, "genres", asked, numResults=12), GENRES, "wsc"):
        output = line["output"]
        assert set(output) == {"recommendedItems", "theme", "itemsThemeRelevanceScores"} and line["error"] is None
        items, scores = output["recommendedItems"], output["itemsThemeRelevanceScores"]
        assert output["theme"] == genre
        assert len(items) == len(scores) == 12 and scores == sorted(scores, reverse=True)
        relevant = {item for item, score in zip(items, scores) if score == 1}
        assert relevant == {item for item in items if FILMS[item][1].startswith(genre)} and len(relevant) >= 9
    # The comedy is met with westerns, so it is among the similar ones of some, and it is the last of all.
    everything = answers(personalize, s3, world, "outsider", ["w-odd", *(f"w{n}" for n in range(EACH))], numResults=20)
    with_it = [line["output"] for line in everything if "w-odd" in line["output"]["recommendedItems"]]
    assert len(with_it) > EACH / 2
    for output in with_it:
        scores = dict(zip(output["recommendedItems"], output["itemsThemeRelevanceScores"]))
        assert output["theme"] == "Western" and scores["w-odd"] == 0
        assert all(scores[item] == 1 for item in scores if item.startswith("w") and item != "w-odd")


def test_without_categories_the_words_of_texts_tell_and_without_them_the_item(personalize, s3, world):
    heist, bare, unknown = answers(personalize, s3, world, "words", ["h2", "x3", "nobody has heard of it"], numResults=6)
    assert "Heist" in heist["output"]["theme"] and "Vault" in heist["output"]["theme"]
    scores = dict(zip(heist["output"]["recommendedItems"], heist["output"]["itemsThemeRelevanceScores"]))
    assert all((score == 1) == item.startswith("h") for item, score in scores.items()), scores
    assert bare["output"]["theme"] == f"Similar to {FILMS['x3'][0]}"
    assert set(bare["output"]["itemsThemeRelevanceScores"]) == {0}
    assert unknown["error"] is None and unknown["output"]["theme"]


def test_what_is_asked_again_or_with_a_filter_is_the_same_or_what_passes(personalize, s3, world):
    once = answers(personalize, s3, world, "once", ["w3", "h2"], numResults=9)
    assert answers(personalize, s3, world, "twice", ["w3", "h2"], numResults=9, column="title") == once
    expression = 'EXCLUDE ItemID WHERE Items.GENRES IN ("Western")'
    only = personalize.create_filter(name="themes", datasetGroupArn=world.group, filterExpression=expression)["filterArn"]
    (line,) = answers(personalize, s3, world, "filtered", ["w3"], numResults=9, filterArn=only)
    assert line["output"]["theme"] != "Western"
    assert all("Western" not in FILMS[item][1] for item in line["output"]["recommendedItems"])


def test_a_column_that_holds_no_names_is_refused(personalize, world):
    for column, told in [("NAME", "no column of strings.*it has ITEM_ID, TITLE, GENRES, STORY"), ("YEAR", "no column of strings")]:
        with pytest.raises(personalize.exceptions.InvalidInputException, match=told):
            personalize.create_batch_inference_job(**request("refused", world, column))
