//! OPERATIONS.md lists what is routed: the page is made from the tables of the functions.

use std::fmt::Write;
use std::path::Path;

/// The page as the tables have it.
fn page() -> String {
    let mut page = String::from(
        "# Operations\n\n\
         Every operation of Amazon Personalize and the function that answers it, made from the tables that requests\n\
         are routed by: `UPDATE=1 cargo test --release --locked --workspace --test operations` writes it anew.\n\
         `make conformance` drives boto3 through each: the happy path, every declared exception, every constraint.\n",
    );
    let control = control::ops::BUILT.iter().map(|&operation| (operation, "`/`"));
    let rest = |operations: &'static [(&str, &str)]| {
        operations.iter().map(|&(operation, path)| (operation, format!("`{path}`")))
    };
    let apis = [
        ("personalize", "control", control.map(|(name, path)| (name, path.to_owned())).collect::<Vec<_>>()),
        ("personalize-runtime", "campaign", rest(campaign::OPERATIONS).collect()),
        ("personalize-events", "events", rest(events::OPERATIONS).collect()),
    ];
    for (api, function, mut operations) in apis {
        operations.sort();
        write!(
            page,
            "\n## {api}: {}\n\n| operation | POST | answered by |\n| --- | --- | --- |\n",
            operations.len()
        )
        .expect("a string takes it");
        for (operation, path) in operations {
            writeln!(page, "| {operation} | {path} | `functions/{function}` |").expect("a string takes it");
        }
    }
    page
}

#[test]
fn the_page_lists_what_is_routed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("OPERATIONS.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, page()).expect("OPERATIONS.md can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page(), "OPERATIONS.md is not what is routed; its first lines say how to write it anew");
}
