//! Where the `fanmail` program is that is tested. Cargo builds it before the tests and benches of its package.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The variables in which newer versions of cargo, and cargo-nextest, tell a test at run time where the program is.
const VARIABLES: [&str; 2] = ["CARGO_BIN_EXE_fanmail", "NEXTEST_BIN_EXE_fanmail"];

/// The path of the program. Without one of the variables: cargo puts the program of a profile one folder above `deps`,
/// in which the program that runs this is.
///
/// # Panics
/// When there is no such file.
pub fn fanmail() -> &'static Path {
    static FANMAIL: OnceLock<PathBuf> = OnceLock::new();
    FANMAIL.get_or_init(|| {
        let path = VARIABLES.iter().find_map(env::var_os).map_or_else(beside_this_program, PathBuf::from);
        assert!(path.is_file(), "{} is not there: run cargo build, or set {}", path.display(), VARIABLES[0]);
        path
    })
}

fn beside_this_program() -> PathBuf {
    let this = env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("fanmail")
}
