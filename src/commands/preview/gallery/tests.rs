//! The files of a gallery.

use std::collections::BTreeSet;

use testkit::folder::names_in;

use super::*;

/// Writes the gallery of made-up events into the folder.
fn write_to(dir: &Path, args: &SubjectArgs) -> Written {
    let config = Config::from_lookup(&|_| None).unwrap();
    let subject = args.find(&config).unwrap();
    write(dir, args, &subject, &Templates::load(&config.content).unwrap(), &config).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_mail_has_a_page_and_three_files_and_is_in_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("not/yet/there");
    let written = write_to(&dir, &SubjectArgs::default());
    assert_eq!(written.index, dir.join("index.html"));
    assert!(written.not_composed.is_empty());
    let index = read(&written.index);
    let pages = names_in(&dir.join("pages"));
    assert_eq!((pages.len(), names_in(&dir.join("mails")).len()), (written.mails, 3 * written.mails));
    let of_locale: usize = KINDS.map(|kind| cases::of(kind).len()).iter().sum();
    let config = Config::from_lookup(&|_| None).unwrap();
    let locales = locales(&Templates::load(&config.content).unwrap());
    assert!(locales[0] == "en" && RIGHT_TO_LEFT.iter().all(|tag| locales.iter().any(|known| known == tag)));
    assert_eq!(written.mails, of_locale * locales.len());
    for page in &pages {
        let name = page.strip_suffix(".html").unwrap();
        assert!(index.contains(&format!("href=\"pages/{name}.html\"")), "{name}");
        let page = read(&dir.join("pages").join(page));
        for end in ["html", "txt", "eml"] {
            assert!(page.contains(&format!("\"../mails/{name}.{end}\"")), "{name}.{end}");
        }
        assert!(page.contains("<th scope=\"row\">Message-ID</th>"), "{name}");
    }
}

#[test]
fn a_gallery_is_the_same_each_time() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        write_to(dir.path(), &SubjectArgs::default());
    }
    for folder in ["mails", "pages"] {
        let [one, other] = [&dirs[0], &dirs[1]].map(|dir| dir.path().join(folder));
        assert_eq!(names_in(&one), names_in(&other));
        for name in names_in(&one) {
            assert_eq!(read(&one.join(&name)), read(&other.join(&name)), "{name}");
        }
    }
}

#[test]
fn pages_load_nothing_and_show_hostile_text_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let written = write_to(dir.path(), &SubjectArgs::default());
    let pages = names_in(&dir.path().join("pages"));
    let paths = pages.iter().map(|name| dir.path().join("pages").join(name));
    for path in paths.chain([written.index]) {
        let page = read(&path);
        for forbidden in ["<script", "<img", "<link", "src=\"http"] {
            assert!(!page.contains(forbidden), "{}: {forbidden}", path.display());
        }
    }
}

#[test]
fn one_language_and_one_case_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let args = SubjectArgs { locale: Some("../de-AT".to_owned()), ..SubjectArgs::default() };
    write_to(dir.path(), &args);
    let locales: BTreeSet<String> = names_in(&dir.path().join("pages"))
        .iter()
        .map(|name| name.split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(locales, BTreeSet::from(["de-AT".to_owned()]));
}

#[test]
fn names_of_cases_are_distinct() {
    for kind in KINDS {
        let names: Vec<&str> = cases::of(kind).iter().map(|case| case.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{kind}");
    }
}
