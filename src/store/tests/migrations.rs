//! What the migrations of all systems have in common.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_system_has_the_same_migrations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(&folder), ["mysql", "postgresql", "sqlite"].map(str::to_owned).into());
    let expected = names(&folder.join("sqlite"));
    assert!(expected.contains("0001_tables"), "{expected:?}");
    for system in ["mysql", "postgresql"] {
        assert_eq!(names(&folder.join(system)), expected, "{system}");
        for name in &expected {
            let files = names(&folder.join(system).join(name));
            assert_eq!(files, ["down.sql", "up.sql"].map(str::to_owned).into(), "{system}/{name}");
        }
    }
}
