//! What the migrations of all systems have in common.

use std::path::Path;

use testkit::folder::names_in;

#[test]
fn every_system_has_the_same_migrations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    assert_eq!(names_in(&folder), ["mysql", "postgresql", "sqlite"]);
    let expected = names_in(&folder.join("sqlite"));
    assert!(expected.contains(&"0001_tables".to_owned()), "{expected:?}");
    for system in ["mysql", "postgresql"] {
        assert_eq!(names_in(&folder.join(system)), expected, "{system}");
        for name in &expected {
            let files = names_in(&folder.join(system).join(name));
            assert_eq!(files, ["down.sql", "up.sql"], "{system}/{name}");
        }
    }
}
