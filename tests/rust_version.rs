//! The oldest Rust that `Cargo.toml` promises builds fanmail: no crate of `Cargo.lock` asks for a newer one.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::process::Command;

use serde_json::Value;

#[test]
fn no_crate_asks_for_a_newer_rust() {
    let promised = version(env!("CARGO_PKG_RUST_VERSION"));
    let packages = packages();
    let newer: Vec<_> = packages
        .iter()
        .filter_map(|package| Some((package, package["rust_version"].as_str()?)))
        .filter(|(_, needed)| version(needed) > promised)
        .map(|(package, needed)| format!("{} {} needs Rust {needed}", package["name"], package["version"]))
        .collect();
    assert!(newer.is_empty(), "`cargo update --precise` to an older version helps:\n{}", newer.join("\n"));
}

/// All packages that a build with all features may need.
fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--locked", "--format-version", "1", "--all-features"];
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().clone();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    packages
}

/// A version as numbers, which compare: `1.88` and `1.88.0` are the same.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap());
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}
