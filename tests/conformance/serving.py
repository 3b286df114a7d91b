"""The runtime and the events API: requests first, then the declarations that use them."""

from conformance.declare import Operation, dataset_racing, racing


def recommendations(w, **more):
    values = {"GENRE": '"Comedy"'}
    asked = {"campaignArn": w.campaign, "userId": "u1", "numResults": 5, "context": {"DEVICE": "phone"}}
    return {**asked, "filterArn": w.filter, "filterValues": values, **more}


def ranking(w, **more):
    asked = {"campaignArn": w.ranking_campaign, "inputList": ["i1", "i2", "unknown"], "userId": "u1"}
    return {
        **asked,
        "context": {"DEVICE": "phone"},
        "filterArn": w.filter,
        "filterValues": {"GENRE": '"Comedy"'},
        **more,
    }


def actions(w):
    filter = {"filterArn": w.action_filter, "filterValues": {"LEAST": "1"}}
    return {"campaignArn": w.action_campaign, "userId": "u1", "numResults": 3, **filter}


RUNTIME = [
    Operation(
        "GetRecommendations",
        recommendations,
        variants={
            "a stored list": lambda w: {"campaignArn": w.campaign, "userId": "u1"},
            "a user that nobody knows": lambda w: {"campaignArn": w.campaign, "userId": "nobody"},
            "none asked for": lambda w: {"campaignArn": w.campaign, "userId": "u1", "numResults": 0},
            "recommenderArn": lambda w: {"recommenderArn": w.recommender, "userId": "u1"},
            "promotions": lambda w: recommendations(
                w,
                promotions=[
                    {
                        "name": "new",
                        "percentPromotedItems": 20,
                        "filterArn": w.filter,
                        "filterValues": {"GENRE": '"Drama"'},
                    }
                ],
            ),
            "metadataColumns": lambda w: recommendations(
                w, campaignArn=w.campaign_with_metadata, metadataColumns={"ITEMS": ["GENRES"]}
            ),
        },
    ),
    Operation(
        "GetPersonalizedRanking",
        ranking,
        variants={
            "without a filter": lambda w: {
                "campaignArn": w.ranking_campaign,
                "inputList": ["i1", "i2"],
                "userId": "u1",
            },
            "metadataColumns": lambda w: ranking(
                w, campaignArn=w.ranking_campaign_with_metadata, metadataColumns={"ITEMS": ["GENRES"]}
            ),
        },
    ),
    Operation("GetActionRecommendations", actions),
]


def events(w, **more):
    event = {
        "eventId": w.name(),
        "eventType": "Watch",
        "itemId": "i1",
        "properties": '{"device": "phone"}',
        "sentAt": 1_700_000_000,
        "recommendationId": "RID-0123",
        "impression": ["i1", "i2"],
        **more,
    }
    return {"trackingId": w.tracking_id, "userId": "u1", "sessionId": "visit", "eventList": [event]}


def items(w, dataset=None):
    properties = '{"genres": "Comedy", "year": 2001, "creationTimestamp": 1600000000}'
    dataset = dataset or w.dataset_of(w.items_and_users, "Items")
    return {"datasetArn": dataset, "items": [{"itemId": "put", "properties": properties}]}


def users(w, dataset=None):
    dataset = dataset or w.dataset_of(w.items_and_users, "Users")
    return {"datasetArn": dataset, "users": [{"userId": "put", "properties": '{"age": 33}'}]}


def put_actions(w, dataset=None):
    dataset = dataset or w.dataset_of(w.action_group, "Actions")
    return {"datasetArn": dataset, "actions": [{"actionId": "put", "properties": '{"value": 7}'}]}


def action_interactions(w, tracking_id=None):
    interaction = {
        "actionId": "a1",
        "userId": "u1",
        "sessionId": "visit",
        "timestamp": 1_700_000_000,
        "eventType": "TAKEN",
        "eventId": w.name(),
        "recommendationId": "RID-0123",
        "impression": ["a1", "a2"],
    }
    return {"trackingId": tracking_id or w.action_tracker, "actionInteractions": [interaction]}


def tracked(w, tracker):
    return action_interactions(w, w.status("eventTracker", tracker)["trackingId"])


EVENTS = [
    Operation(
        "PutEvents",
        events,
        variants={
            "eventValue": lambda w: events(w, eventValue=4.5),
            "metricAttribution": lambda w: events(w, metricAttribution={"eventAttributionSource": "mail"}),
            "a session": lambda w: {k: v for k, v in events(w).items() if k != "userId"},
        },
    ),
    Operation("PutItems", items, provoke=dataset_racing(items, "Items")),
    Operation("PutUsers", users, provoke=dataset_racing(users, "Users")),
    Operation("PutActions", put_actions, provoke=dataset_racing(put_actions, "Actions")),
    Operation(
        "PutActionInteractions",
        action_interactions,
        provoke={
            "ResourceNotFoundException": lambda w, call: call(action_interactions(w, w.action_tracker[:-1] + "x")),
            **racing(
                lambda w: w.tracker_of(w.filled(w.empty_group(), "Actions", "Action_Interactions")),
                "DeleteEventTracker",
                "eventTrackerArn",
                tracked,
            ),
        },
    ),
]
