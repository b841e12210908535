//! A table of cases, and python-dotenv itself as the judge of thousands of made-up files.

use super::*;

mod dotenvy;
mod python;

fn map(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a text sets when `HOME` is set already, and which lines cannot be read.
fn read(text: &str) -> (BTreeMap<String, String>, Vec<usize>) {
    let Dotenv { variables, unreadable_lines, .. } = Dotenv::read(text, &map(&[("HOME", "/root")]));
    (variables, unreadable_lines)
}

/// The value of `A`. Every line must be readable.
fn value(text: &str) -> Option<String> {
    let (mut variables, unreadable) = read(text);
    assert_eq!(unreadable, [0; 0], "{text:?}");
    variables.remove("A")
}

#[test]
fn a_value_without_quotes_is_the_line_without_comment_and_outer_blanks() {
    for (text, expected) in [
        ("A=b", "b"),
        ("A=b\r\n", "b"),
        ("\u{feff}A=b", "b"),
        ("\n\n  A  =  b c  \n", "b c"),
        ("A\t=\tb\t", "b"),
        ("export A=b", "b"),
        ("export\t  A = b", "b"),
        ("'A'=b", "b"),
        ("A=", ""),
        ("A=   ", ""),
        ("A==b=", "=b="),
        ("A=b # c", "b"),
        ("A=b\t# c # d", "b"),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A= # b", "# b"),
        ("A=a$b\\n\"c' d", "a$b\\n\"c' d"),
        ("A=b\nA=c", "c"),
        ("A=Größe 日本", "Größe 日本"),
        ("A=b\u{a0}# c", "b"),
    ] {
        assert_eq!(value(text).as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn quotes_keep_blanks_and_lines_and_know_escapes() {
    for (text, expected) in [
        ("A=\"abc  \"", "abc  "),
        ("A='  abc'", "  abc"),
        ("A=\"\"", ""),
        ("A=\"b # c\" # d", "b # c"),
        ("A='b'#c", "b"),
        ("A=\"pa\\ss\"", "pa\\ss"),
        ("A=\"\\\\ \\\" \\' \\n\\t\\r\\a\\b\\f\\v \\$ \\x\"", "\\ \" ' \n\t\r\u{7}\u{8}\u{c}\u{b} \\$ \\x"),
        ("A='\\\\ \\' \\n \\\"'", "\\ ' \\n \\\""),
        ("A=\"one\r\ntwo\rthree\n\"", "one\ntwo\nthree\n"),
        ("A='one\n# two\n\nB=3'", "one\n# two\n\nB=3"),
        ("A=\"it's\"", "it's"),
        // No later quote can end these.
        ("A=\"b\\\"", "b\\"),
        ("A='b\\'", "b\\"),
    ] {
        assert_eq!(value(text).as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn names_in_braces_are_replaced_with_the_process_first() {
    for (text, expected) in [
        ("A=${HOME}/x", "/root/x"),
        ("A=$HOME/x", "$HOME/x"),
        ("HOME=/else\nA=${HOME}", "/root"),
        ("B=c\nA='${B}${B}'", "cc"),
        ("B=c\nA=\"<${B}>\"\nB=d", "<c>"),
        ("A=b\nA=${A}c", "bc"),
        ("A=<${NONE}>", "<>"),
        ("A=<${NONE:-a b}>", "<a b>"),
        ("A=${NONE:-}", ""),
        ("A=${NONE:-${HOME}}", "${HOME}"),
        ("B=\nA=<${B:-default}>", "<>"),
        ("B\nA=<${B:-default}>", "<>"),
        ("my-app=1\nA=${my-app}", "1"),
        ("A=${NONE-default}", ""),
        ("A=${", "${"),
        ("A=${HOME", "${HOME"),
        ("A=${HOME:x}", "${HOME:x}"),
        ("A=${HOME:-x", "${HOME:-x"),
        ("A=${HOME:${HOME}", "${HOME:/root"),
        ("A=$${HOME}", "$/root"),
        ("A=\"\\${HOME}\"", "\\/root"),
    ] {
        assert_eq!(value(text).as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn a_name_may_be_any_word_and_may_lack_a_value() {
    assert_eq!(
        read("my-app=1\n1=2\nä.b=3\n\"q\"=4"),
        (map(&[("my-app", "1"), ("1", "2"), ("ä.b", "3"), ("\"q\"", "4")]), vec![])
    );
    assert_eq!(read("DEBUG\nA=b\nexport\n"), (map(&[("A", "b")]), vec![]));
    assert_eq!(read("DEBUG # c\nB#=d\n   # e\nexport # f\n"), (map(&[]), vec![]));
    assert_eq!(value("A=b\nA"), None);
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_the_others_count() {
    for (text, unreadable) in [
        ("# one\n\nB is 2\nA=b\n", vec![3]),
        ("B \"2\"\r\nA=b\r\n\r\n=2\r\n", vec![1, 4]),
        ("A=b\nB=\"never closed\nC='nor this", vec![2, 3]),
        ("B='one\ntwo' three\nA=b", vec![1]),
        ("A=b\nB=\"c\" d", vec![2]),
        ("export =b\nA=b", vec![1]),
        ("''=b\nA=b\n'B=2", vec![1, 3]),
    ] {
        let (variables, lines) = read(text);
        assert_eq!((variables.get("A").map(String::as_str), lines), (Some("b"), unreadable), "{text:?}");
        assert!(!variables.contains_key("B"), "{text:?}");
    }
    assert_eq!(read(""), (map(&[]), vec![]));
}
