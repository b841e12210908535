//! The documentation, held against itself: every link to a file or a heading leads somewhere, and README names every
//! variable of `.env.example`. Addresses of other sites are not opened.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.with_file_name("").join(file),
            };
            if !target.exists() || (!heading.is_empty() && !has_heading(&target, heading)) {
                wrong.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn headings_become_the_anchors_that_links_use() {
    assert_eq!(anchor("Gmail relay, smtp-relay.gmail.com"), "gmail-relay-smtp-relaygmailcom");
    assert_eq!(anchor("What `fanmail_x` says, and what not"), "what-fanmail_x-says-and-what-not");
    assert_eq!(links("see [a](b.md#c) and ![d](e.png)").collect::<Vec<_>>(), ["b.md#c", "e.png"]);
}

#[test]
fn readme_names_every_variable() {
    let (readme, example) = (read("README.md"), read(".env.example"));
    let name = |line: &str| Some(line.trim_start_matches('#').split_once('=')?.0.to_owned());
    let variables = example.lines().filter_map(name).filter(|name| is_variable(name));
    // The file form of a secret has one sentence for all, and not a line of its own.
    let missing: Vec<String> = variables
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .filter(|name| !name.strip_suffix("_FILE").is_some_and(|name| readme.contains(&format!("`{name}`"))))
        .collect();
    assert!(missing.is_empty(), "in .env.example, and not in the table of README.md: {}", missing.join(", "));
}

/// Log collectors are set up by that table.
#[test]
fn logs_md_names_every_field_of_a_log_line_and_no_other() {
    let mut in_code = BTreeSet::new();
    for source in sources(Path::new("src")) {
        in_code.extend(fields_of_log_lines(&fs::read_to_string(source).unwrap()));
    }
    assert!(in_code.remove("traceparent"), "a line gets two fields of it");
    in_code.extend(
        ["ts", "level", "target", "message", "notification", "event", "kind", "trace_id", "span_id"]
            .map(str::to_owned),
    );
    let logs = read("docs/logs.md");
    let names = logs.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let documented: BTreeSet<String> = names
        .flat_map(|(names, _)| names.split(", ").map(|name| name.trim_matches('`').to_owned()))
        .collect();
    assert_eq!(in_code, documented, "fields in the code, and in the table of docs/logs.md");
}

#[test]
fn fields_are_found_in_each_form_of_a_log_line() {
    let text = r#"log::info!("no = field; here"); log::warn!(a = 1, b:% = f(2, 3); "c = 4; {}", d);
        log::log!(if x { Level::Warn } else { Level::Info }, e = 5; "f"); log_about!(Level::Info, notification, g = h.i; "j");"#;
    assert_eq!(fields_of_log_lines(text).collect::<Vec<_>>(), ["a", "b", "e", "g"]);
}

#[test]
fn the_asyncapi_file_refers_to_all_schemas_and_to_nothing_else() {
    let text = read("docs/schema/asyncapi.yaml");
    let refers = |target: &str| text.contains(&format!("$ref: '{target}'"));
    for target in
        text.split("$ref: '").skip(1).filter_map(|rest| rest.split_once('\'')).map(|(target, _)| target)
    {
        match target
            .strip_prefix("#/components/messages/")
            .or_else(|| target.strip_prefix("#/components/messageTraits/"))
        {
            Some(name) => assert!(text.contains(&format!("\n    {name}:\n")), "{target} is not there"),
            None if target.starts_with("#/channels/") => {}
            None => assert!(Path::new("docs/schema").join(target).is_file(), "{target} is not there"),
        }
    }
    for entry in fs::read_dir("docs/schema").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // What they have in common, and what has all of them, is no message of its own.
        let is_message = !["asyncapi.yaml", "common.json", "message.json"].contains(&name.as_str());
        assert!(!is_message || refers(&format!("./{name}")), "{name} is in no message of asyncapi.yaml");
    }
}

/// README and the other documents of the root, and all of docs/.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [".", "docs", "docs/decisions"] {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    found
}

/// All Rust files in and below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The names of the fields in calls such as `log::info!(name = value, other:% = value; "text")`: what is in front of the first text.
fn fields_of_log_lines(code: &str) -> impl Iterator<Item = String> {
    const CALLS: [&str; 7] = ["error!(", "warn!(", "info!(", "debug!(", "trace!(", "log!(", "log_about!("];
    let calls = CALLS.into_iter().flat_map(|call| code.split(call).skip(1));
    let heads = calls.filter_map(|call| call.split_once('"')?.0.rsplit_once(';'));
    heads.flat_map(|(head, _)| {
        head.split(',').filter_map(|field| {
            let (name, _) = field.split_once(" = ")?;
            let name = name.trim().split(':').next()?;
            name.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| name.to_owned())
        })
    })
}

/// The targets of all links and pictures in `text`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

fn has_heading(file: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(file).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).any(|anchor| anchor == wanted)
}

/// The anchor that GitHub gives a heading: small letters, no punctuation, and `-` for a blank.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap()
}
