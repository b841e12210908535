//! The migrations are compiled into the binary, and the macro that does it does not watch their files. So is the commit, in builds that
//! are released.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-env-changed=FANMAIL_COMMIT");
    let given = env::var("FANMAIL_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    println!("cargo::rustc-env=FANMAIL_COMMIT={}", commit(given));
}

/// What the variable says, which packagers set who build from an archive without `.git`; else what Git has checked out. A debug build
/// does not look: every commit would compile everything again.
fn commit(given: Option<String>) -> String {
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let found = given.or_else(|| is_release.then(checked_out).flatten());
    // A value with a line end would be a second instruction to Cargo.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-_.+".contains(*c);
    found.map_or_else(|| "unknown".to_owned(), |commit| commit.chars().filter(is_plain).take(64).collect())
}

/// The commit that is checked out here, read without Git itself. Cargo is told which files change with it.
fn checked_out() -> Option<String> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let git = git_folder(&root.join(".git"))?;
    let head = watched(&git.join("HEAD"))?;
    // Each commit adds a line here, also the first one of a branch whose last commit is in `packed-refs`.
    watched(&git.join("logs/HEAD"));
    let Some(branch) = head.strip_prefix("ref: ") else { return is_hash(&head) };
    // A work tree of its own has its HEAD beside it, and its branches with the others.
    let common =
        fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    if let Some(hash) = watched(&common.join(branch)) {
        return is_hash(&hash);
    }
    let packed = watched(&common.join("packed-refs"))?;
    let hash = packed.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' '))?;
    is_hash(hash)
}

/// `.git` is a folder, or a file with the path of one.
fn git_folder(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let text = fs::read_to_string(path).ok()?;
    Some(path.parent()?.join(text.trim().strip_prefix("gitdir: ")?))
}

/// The text of a file, which makes Cargo run this again when it changes. A file that is missing would do so each time.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text.trim().to_owned())
}

fn is_hash(text: &str) -> Option<String> {
    (text.len() >= 40 && text.chars().all(|c| c.is_ascii_hexdigit())).then(|| text.to_owned())
}
