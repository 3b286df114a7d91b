"""Interactions with a taste in them: people watch in order within one of ten groups of films."""


def interactions(users=300, each=30):
    lines = ["USER_ID,ITEM_ID,TIMESTAMP"]
    for user in range(users):
        group, at = user % 10, user // 10
        for step in range(each):
            lines.append(f"u{user},film-{group}-{(at + step) % 20},{1_600_000_000 + user * 50 + step}")
    return ("\n".join(lines) + "\n").encode()


SCHEMA = """{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema",
"fields":[{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},
{"name":"TIMESTAMP","type":"long"}],"version":"1.0"}"""
