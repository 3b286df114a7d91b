//! Pages, filters and tokens.

use serde_json::{Value, json};

use crate::app::{App, HRNN, POPULARITY};

async fn pages(app: &App, operation: &str, key: &str, mut request: Value) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let answer = app.ok(operation, request.clone()).await;
        let names = answer[key].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap().to_owned());
        pages.push(names.collect());
        match answer.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_follow_the_order_of_creation_and_the_last_has_no_token() {
    let app = App::start().await;
    for name in ["c", "a", "b"] {
        app.schema(name).await;
    }
    let got = pages(&app, "ListSchemas", "schemas", json!({ "maxResults": 2 })).await;
    assert_eq!(got, [vec!["c", "a"], vec!["b"]]);
    let got = pages(&app, "ListSchemas", "schemas", json!({ "maxResults": 3 })).await;
    assert_eq!(got, [vec!["c", "a", "b"]]);
    let recipes = pages(&app, "ListRecipes", "recipes", json!({ "maxResults": 1 })).await;
    assert_eq!(recipes.concat(), domain::recipes::all().map(|recipe| recipe.name).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_filter_keeps_one_parent_and_a_token_belongs_to_its_filter() {
    let app = App::start().await;
    let (films, books) = (app.group("films").await, app.group("books").await);
    for (group, name) in [(&films, "one"), (&books, "two"), (&films, "three")] {
        app.solution(group, name, POPULARITY).await;
    }
    let of = |group: &str| json!({ "datasetGroupArn": group, "maxResults": 1 });
    assert_eq!(pages(&app, "ListSolutions", "solutions", of(&films)).await.concat(), ["one", "three"]);
    assert_eq!(pages(&app, "ListSolutions", "solutions", of(&books)).await.concat(), ["two"]);
    assert_eq!(pages(&app, "ListSolutions", "solutions", json!({})).await.concat(), ["one", "two", "three"]);
    let unknown = of(&films.replace("films", "nobody"));
    assert_eq!(pages(&app, "ListSolutions", "solutions", unknown).await, [Vec::<String>::new()]);

    let token = app.ok("ListSolutions", of(&films)).await["nextToken"].clone();
    for (operation, request) in [
        ("ListSolutions", json!({ "datasetGroupArn": books, "nextToken": token })),
        ("ListSolutions", json!({ "nextToken": token })),
        ("ListDatasets", json!({ "datasetGroupArn": films, "nextToken": token })),
        ("ListRecipes", json!({ "nextToken": token })),
    ] {
        let (exception, _) = app.refused(operation, request.clone()).await;
        assert_eq!(exception, "InvalidNextTokenException", "{operation} {request}");
    }
}

#[tokio::test]
async fn versions_of_an_unknown_solution_are_not_found() {
    let app = App::start().await;
    let group = app.filled_group("films").await;
    let solution = app.solution(&group, "films", HRNN).await;
    let version = app.trained(&solution).await;
    let listed = app.ok("ListSolutionVersions", json!({ "solutionArn": solution })).await;
    assert_eq!(listed["solutionVersions"][0]["solutionVersionArn"], version.as_str());
    let unknown = json!({ "solutionArn": solution.replace("films", "nobody") });
    assert_eq!(app.refused("ListSolutionVersions", unknown).await.0, "ResourceNotFoundException");
    let another_kind = json!({ "solutionArn": group });
    assert_eq!(app.refused("ListSolutionVersions", another_kind).await.0, "InvalidInputException");
}
