//! Which commands switch a file to WAL. A file may be another program's, and WAL damages files on network mounts.

use diesel::Connection as _;

use super::*;

/// A file of another program, in the mode that SQLite begins with.
fn file_of_another_program(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("test.db");
    let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute("CREATE TABLE app (x); INSERT INTO app VALUES (1); PRAGMA journal_mode = DELETE")
        .unwrap();
    path
}

#[test]
fn what_only_looks_changes_no_file_and_leaves_none_behind() {
    let dir = TempDir::new().unwrap();
    let path = file_of_another_program(&dir);
    let before = std::fs::read(&path).unwrap();
    let store = Store::connect_existing(&config_in(&dir), 1).unwrap();
    assert!(store.check_schema().unwrap_err().to_string().ends_with("only run `fanmail migrate`"));
    store.list_workers().unwrap_err();
    store.find_event(EVENT).unwrap_err();
    drop(store);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_migration_switches_to_wal_and_what_looks_later_keeps_it() {
    let dir = TempDir::new().unwrap();
    let path = file_of_another_program(&dir);
    let versions = || std::fs::read(&path).unwrap()[18..20].to_vec();
    assert_eq!(versions(), [1, 1], "read and write version of a rollback journal");
    Store::connect(&config_in(&dir), 1).unwrap().migrate().unwrap();
    assert_eq!(versions(), [2, 2], "of WAL");
    Store::connect_existing(&config_in(&dir), 1).unwrap().check_schema().unwrap();
    assert_eq!(versions(), [2, 2]);
}
