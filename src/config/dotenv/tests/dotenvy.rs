//! A file that keeps to the grammar which python-dotenv and dotenvy share is read alike by both: a `.env` may serve Python and Rust
//! programs at once.

use proptest::prelude::*;

use super::*;

fn read_by_dotenvy(text: &str) -> BTreeMap<String, String> {
    ::dotenvy::Iter::new(text.as_bytes()).collect::<Result<_, _>>().unwrap()
}

/// A value as it stands in the file.
fn written_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_./:@%+-]{1,20}",
        "'[a-zA-Z0-9 _./:@%+#=\"Größe日本-]{0,20}'",
        "\"[a-zA-Z0-9 _./:@%+#='Größe日本-]{0,20}\"",
        "\"[a-z]{1,5}(\\\\n)[a-z]{1,5}\"",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let assignment = ("(export )?", "[A-Z][A-Z0-9_]{0,8}", written_value(), "( # [a-z '\"=]{0,9})?");
    prop_oneof![
        6 => assignment.prop_map(|(export, name, value, comment)| format!("{export}{name}={value}{comment}")),
        1 => "#[a-zA-Z '\"=]{0,20}",
        1 => Just(String::new()),
    ]
}

proptest! {
    #[test]
    fn a_file_of_the_common_grammar_is_read_alike(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        let Dotenv { variables, unreadable_lines, .. } = Dotenv::read(&text, &BTreeMap::new());
        prop_assert_eq!(unreadable_lines, Vec::<usize>::new());
        prop_assert_eq!(variables, read_by_dotenvy(&text));
    }
}

/// With the lines that are comments because they show another value than the default, and without values with blanks, which dotenvy
/// wants in quotes.
#[test]
fn the_example_file_is_read_alike() {
    let example = include_str!("../../../../.env.example");
    let is_assignment = |line: &&str| line.contains('=') && !line.contains(' ');
    let lines = example.lines().map(|line| line.trim_start_matches('#'));
    let text = lines.filter(is_assignment).collect::<Vec<_>>().join("\n");
    let ours = Dotenv::read(&text, &BTreeMap::new());
    assert_eq!(ours.unreadable_lines, [0; 0]);
    assert!(ours.variables.len() > 40, "{:?}", ours.variables.keys());
    assert_eq!(ours.variables, read_by_dotenvy(&text));
}
