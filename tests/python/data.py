"""Interactions that are the same on every machine, and the schemas for them."""

import json

USERS = 60
ITEMS = 40
EACH = 20


def interactions_schema(*extra):
    fields = [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        *extra,
    ]
    return json.dumps(
        {
            "type": "record",
            "name": "Interactions",
            "namespace": "com.amazonaws.personalize.schema",
            "fields": fields,
            "version": "1.0",
        }
    )


def rows():
    """1,200 rows. Users of one taste walk through the same half of the items in the same order, each
    from an own place, so that there is an order to learn."""
    for user in range(USERS):
        taste = user % 2
        for step in range(EACH):
            item = 2 * ((user // 2 + step) % (ITEMS // 2)) + taste
            yield f"u{user}", f"i{item}", 1_600_000_000 + 1_000 * user + 60 * step


def csv(header="USER_ID,ITEM_ID,TIMESTAMP", end="\n"):
    lines = [header, *(f"{user},{item},{time}" for user, item, time in rows())]
    return (end.join(lines) + end).encode()


def items_schema():
    fields = [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "GENRES", "type": ["null", "string"], "categorical": True},
        {"name": "YEAR", "type": ["null", "int"]},
    ]
    return json.dumps(
        {
            "type": "record",
            "name": "Items",
            "namespace": "com.amazonaws.personalize.schema",
            "fields": fields,
            "version": "1.0",
        }
    )


def genres():
    """The items of one taste are comedies, those of the other western dramas; of two new ones each is one."""
    lines = ["ITEM_ID,GENRES,YEAR"]
    for item in range(ITEMS):
        lines.append(f"i{item},{'Western|Drama' if item % 2 else 'Comedy'},{1990 + item % 10}")
    return ("\n".join([*lines, "new-comedy,Comedy,1999", "new-western,Western|Drama,1999"]) + "\n").encode()
