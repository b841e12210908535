//! Programs and libraries of other languages that tests use, where `scripts/lib/publishers.sh` has installed them.

use std::env;
use std::path::PathBuf;

/// The path of a file there, such as `bin/python`.
///
/// # Panics
/// When it is not there.
pub fn installed(path: &str) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let path = cache.unwrap().join("fanmail/publishers").join(path);
    assert!(path.exists(), "{} is not there; run scripts/test once, which installs it", path.display());
    path
}
