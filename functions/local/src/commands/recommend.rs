//! `osusume recommend`: what a campaign answers.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, bail};
use domain::{Arn, ResourceKind};
use serde_json::{Value, json};
use steps::described::DescribedItems;
use steps::models::UserLists;
use steps::newest::Newest;

use crate::app::{self, App};
use crate::cli::Recommend;
use crate::{client, table};

/// Prints one answer, or writes the lists of all users.
pub async fn run(app: &App, options: &Recommend) -> anyhow::Result<()> {
    let campaign = app::scope().arn(ResourceKind::Campaign, &options.campaign);
    if options.all {
        return all(app, options, &campaign).await;
    }
    let mut request = json!({ "campaignArn": campaign, "numResults": options.num_results });
    match (&options.user, &options.item) {
        (Some(user), _) => request["userId"] = json!(user),
        (None, Some(item)) => request["itemId"] = json!(item),
        (None, None) => bail!("say for whom: --user ID, --item ID or --all"),
    }
    let answer = client::ask(app, "/recommendations", request).await?;
    if options.common.json {
        println!("{answer:#}");
        return Ok(());
    }
    let titles = titles(app, &campaign, &answer).await?;
    println!("{}", render(&answer, &titles));
    Ok(())
}

/// Titles of an answer's items by their ids, where the Items dataset has some.
pub async fn titles(app: &App, campaign: &Arn, answer: &Value) -> anyhow::Result<HashMap<String, String>> {
    let items = answer["itemList"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<String> =
        items.iter().filter_map(|item| Some(item["itemId"].as_str()?.to_owned())).collect();
    let described = DescribedItems::new(Newest::new(app.steps.clone()));
    Ok(described.titles_for(campaign, &ids).await?)
}

/// A table of an answer's items, with titles where there are any.
pub fn render(answer: &Value, titles: &HashMap<String, String>) -> String {
    let items = answer["itemList"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let id = item["itemId"].as_str().unwrap_or_default();
            vec![
                (place + 1).to_string(),
                id.to_owned(),
                table::four_decimals(&item["score"]),
                titles.get(id).cloned().unwrap_or_default(),
            ]
        })
        .collect();
    if titles.is_empty() {
        let rows: Vec<_> = rows.into_iter().map(|row| row[..3].to_vec()).collect();
        table::render(&["#", "item", "score"], &rows)
    } else {
        table::render(&["#", "item", "score", "title"], &rows)
    }
}

/// Scores every user of the training data and writes one JSON line each, in the format of a batch
/// inference job.
async fn all(app: &App, options: &Recommend, campaign: &Arn) -> anyhow::Result<()> {
    let mut output: Box<dyn Write + Send> = match &options.output {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    let lists = app.steps.user_lists(campaign, options.num_results, options.exclude_seen).await?;
    let lines = tokio::task::spawn_blocking(move || write_lines(&lists, &mut output)).await??;
    if options.output.is_some() {
        eprintln!("wrote {lines} lists");
    }
    Ok(())
}

fn write_lines(lists: &UserLists, output: &mut dyn Write) -> anyhow::Result<usize> {
    let mut lines = 0;
    for (user, list) in lists.iter() {
        let mut answer = json!({ "recommendedItems": list.items });
        if !list.scores.is_empty() {
            answer["scores"] = json!(list.scores);
        }
        let line = json!({ "input": { "userId": user }, "output": answer, "error": null });
        writeln!(output, "{line}").context("cannot write the lists")?;
        lines += 1;
    }
    output.flush().context("cannot write the lists")?;
    Ok(lines)
}
