//! The map in ARCHITECTURE.md holds: crates, directions, and what is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Direct dependencies (not those of tests) of each package of the workspace, and its folder.
fn packages() -> BTreeMap<String, (PathBuf, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let names = dependencies
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap_or_default().to_owned())
                .collect();
            let manifest = Path::new(package["manifest_path"].as_str().expect("manifest_path"));
            let folder =
                manifest.parent().expect("a folder").strip_prefix(root()).expect("inside").to_owned();
            (package["name"].as_str().expect("name").to_owned(), (folder, names))
        })
        .collect()
}

#[test]
fn dependencies_point_from_functions_to_shared_with_domain_at_the_ground() {
    let packages = packages();
    let ours: BTreeSet<&String> = packages.keys().collect();
    let (_, domain) = &packages["domain"];
    assert!(domain.iter().all(|name| !ours.contains(name)), "domain depends on {domain:?}");
    for (name, (folder, dependencies)) in &packages {
        if !folder.starts_with("shared") {
            continue;
        }
        for dependency in dependencies.iter().filter(|dependency| ours.contains(dependency)) {
            assert!(packages[dependency].0.starts_with("shared"), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn heavy_dependencies_stay_where_the_map_says() {
    let allowed: &[(&str, &[&str])] = &[
        ("aws-sdk-s3", &["store", "embedded", "lambda-kit"]),
        ("aws-sdk-dynamodb", &["store", "embedded", "lambda-kit"]),
        ("aws-smithy-http-client", &["lambda-kit", "train"]),
        ("hyper", &["embedded", "local", "tests"]),
        ("cudarc", &["training"]),
        ("gemm", &["training"]),
        ("gemm-f32", &["training"]),
        ("s3s", &["embedded"]),
        ("dynoxide-rs", &["embedded"]),
    ];
    for (name, (_, dependencies)) in packages() {
        for (heavy, crates) in allowed {
            assert!(
                !dependencies.contains(*heavy) || crates.contains(&name.as_str()),
                "{name} depends on {heavy}; only {crates:?} may"
            );
        }
    }
}

/// What a package is built of when it is built alone, a crate a line.
fn tree(package: &str) -> String {
    let arguments = ["--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    assert!(tree.contains("tokio v"), "cargo tree printed nothing of use: {tree}");
    tree
}

fn contains(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.starts_with(&format!("{name} ")))
}

#[test]
fn the_command_carries_no_tls_stack_and_no_arrow() {
    let tree = tree("local");
    for absent in ["rustls", "aws-lc-sys", "openssl-sys", "native-tls", "ring", "arrow-array", "async-std"] {
        assert!(!contains(&tree, absent), "{absent} came in");
    }
}

#[test]
fn cuda_is_in_the_command_and_the_trainer_and_in_no_function() {
    for package in ["local", "train"] {
        assert!(contains(&tree(package), "cudarc"), "{package} has no CUDA");
    }
    for package in ["control", "campaign", "events", "ingest", "workflow"] {
        assert!(!contains(&tree(package), "cudarc"), "{package} carries CUDA");
    }
}

#[test]
fn every_folder_of_the_map_exists_and_every_crate_is_on_it() {
    let map = read("ARCHITECTURE.md");
    assert!(map.lines().count() < 150, "the map has {} lines", map.lines().count());
    let named: BTreeSet<&str> =
        map.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for folder in &named {
        assert!(root().join(folder).is_dir(), "{folder} is on the map and not there");
    }
    for (name, (folder, _)) in packages() {
        let folder = folder.to_str().expect("UTF-8");
        assert!(named.contains(folder), "{name} ({folder}) is not on the map");
    }
}

#[test]
fn every_crate_opens_with_what_it_is_for() {
    for (name, (folder, _)) in packages() {
        let source =
            ["src/lib.rs", "src/main.rs"].iter().find(|file| root().join(&folder).join(file).is_file());
        let path = folder.join(source.unwrap_or_else(|| panic!("{name} has no source")));
        assert!(read(path.to_str().expect("UTF-8")).starts_with("//! "), "{}", path.display());
    }
}
