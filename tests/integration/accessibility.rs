//! The mails of the gallery as a browser shows them, light and dark, judged by axe-core: contrast, headings, languages, names of
//! links and pictures. `tests/accessibility/axe.mjs` says which of its rules are off, and why.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::folder::names_in;
use testkit::installed::installed;
use testkit::process::{Environment, Process};

/// What a sender configures. The colour is nearly as light as one may be, and the logo does not exist.
const BRAND: [(&str, &str); 7] = [
    ("BRAND_NAME", "Berlin Events"),
    ("BRAND_LOGO_URL", "https://logo.invalid/logo.png"),
    ("BRAND_COLOR", "#b59000"),
    ("REPLY_TO", "hello@berlin-events.example"),
    ("CONTACT", "https://berlin-events.example/help"),
    ("POSTAL_ADDRESS", "Berlin Events e.V., Musterstraße 1, 10115 Berlin"),
    ("FOOTER_TEXT", "Doors open <b>early</b>.\nBring a friend."),
];

/// In the default language all cases; in the others those that the layout depends on.
#[test]
fn no_mail_has_a_fault_that_axe_finds() {
    let cases = ["full", "bare", "changed", "note-and-reason", "several-days", "past", "online", "arabic"];
    look_at("mails", &[], |name| name.starts_with("en.") || cases.contains(&case(name)));
}

#[test]
fn a_light_colour_a_missing_logo_and_long_texts_are_no_fault() {
    look_at("branded", &BRAND, |name| ["full", "note-and-reason"].contains(&case(name)));
}

/// The case in `en.updated.full.html`.
fn case(name: &str) -> &str {
    name.split('.').nth(2).unwrap_or_default()
}

/// Writes the gallery with these variables, and has axe look at those mails, at the index, and at one page about a mail.
fn look_at(what: &str, variables: &[(&str, &str)], chosen: impl Fn(&str) -> bool) {
    let dir = tempfile::tempdir().unwrap();
    let (gallery, seen) = (dir.path().join("gallery"), dir.path().join("seen"));
    let environment: Environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments = ["preview", "--all", "--out", gallery.to_str().unwrap()];
    let exit = Process::start(dir.path(), &environment, &arguments).wait();
    assert_eq!(exit.code, Some(0), "{}", exit.err);
    fs::create_dir(&seen).unwrap();
    let is_chosen = |name: &String| name.split('.').nth(3) == Some("html") && chosen(name);
    let mails: Vec<String> = names_in(&gallery.join("mails")).into_iter().filter(is_chosen).collect();
    for mail in &mails {
        fs::copy(gallery.join("mails").join(mail), seen.join(mail)).unwrap();
    }
    fs::copy(gallery.join("index.html"), seen.join("index.html")).unwrap();
    let page = &mails[0];
    fs::copy(gallery.join("pages").join(page), seen.join(format!("page-of-{page}"))).unwrap();
    let faults = faults_in(&seen, mails.len() + 2);
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

/// What axe finds in the HTML files of a folder, of which there are so many.
pub(crate) fn faults_in(folder: &Path, files: usize) -> Vec<String> {
    // scripts/lib/chromium.sh installs it.
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium-headless-shell".into());
    let output = Command::new(installed("bin/node"))
        .arg("tests/accessibility/axe.mjs")
        .arg(browser)
        .arg(installed("node/node_modules/axe-core/axe.min.js"))
        .arg(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{errors}\nscripts/test installs Chromium, unless CHROMIUM is the path of one"
    );
    let out = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    assert_eq!(lines.pop(), Some(format!("{files} pages")), "{out}");
    lines
}

/// axe is asked in the right way, and faults come through.
#[test]
fn a_page_with_faults_is_told_with_its_rules() {
    let dir = tempfile::tempdir().unwrap();
    let page = "<!DOCTYPE html><title>T</title><style>@media (prefers-color-scheme: dark) {.card {background: #222 !important}}</style>\
                <div class=card style='background: #fff'><p style='color: #aaa'>pale</p><img src=x.png><h1>1</h1><h3>3</h3>\
                <p class=button style='background: #333; color: #fff'>Go</p></div>";
    fs::write(dir.path().join("faults.html"), page).unwrap();
    let faults = faults_in(dir.path(), 1);
    for expected in [
        "light: color-contrast: ",
        "light: html-has-lang: ",
        "light: image-alt: ",
        "light: heading-order: ",
        "dark: color-contrast: ",
        "dark: button-contrast: ",
    ] {
        let is_told = |line: &String| line.starts_with(&format!("faults.html, {expected}"));
        assert!(faults.iter().any(is_told), "{expected}: {faults:#?}");
    }
    assert!(!faults.iter().any(|line| line.contains("light: button-contrast")), "{faults:#?}");
}
