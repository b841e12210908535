//! Which fanmail this is: its version, the commit it was built from, and what it was built with. `build.rs` finds the commit.

/// Version of the package, such as `0.2.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit in full, or `unknown`: of debug builds, and of builds from an archive without the variable `FANMAIL_COMMIT`.
pub const COMMIT: &str = env!("FANMAIL_COMMIT");

/// The features that it was built with, with commas between them, such as `mysql,postgres`; empty without any.
pub const FEATURES: &str = match (cfg!(feature = "mysql"), cfg!(feature = "postgres")) {
    (true, true) => "mysql,postgres",
    (true, false) => "mysql",
    (false, true) => "postgres",
    (false, false) => "",
};

/// All of it on one line, as `fanmail --version` prints it behind the name: `0.2.0 (commit 1f2e3d4c5b6a, features mysql,postgres)`.
#[must_use]
pub fn describe() -> String {
    let commit = COMMIT.get(..12).unwrap_or(COMMIT);
    let features = if FEATURES.is_empty() { "none" } else { FEATURES };
    format!("{VERSION} (commit {commit}, features {features})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_version_commit_and_features() {
        let line = describe();
        assert!(line.starts_with(&format!("{VERSION} (commit ")), "{line}");
        assert!(!COMMIT.is_empty() && line.ends_with(')') && line.contains(", features "), "{line}");
    }
}
