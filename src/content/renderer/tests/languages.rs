//! In which language somebody gets a mail, and what a folder of a language in `TEMPLATES_DIR` has to say.

use std::path::Path;

use super::*;

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    dir
}

fn of(locale: &str) -> Participant {
    Participant { locale: Some(locale.to_owned()), ..sample::ada() }
}

/// What the people with these locales get with these files.
fn mails(files: &[(&str, &str)], locales: &[&str]) -> Vec<Content> {
    let dir = folder(files);
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    locales.iter().map(|locale| templates.render(&context, &of(locale)).unwrap()).collect()
}

fn subjects(files: &[(&str, &str)], locales: &[&str]) -> Vec<String> {
    mails(files, locales).into_iter().map(|mail| mail.subject).collect()
}

/// What `load` says about these files, without the path of the folder.
fn problem(files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    let error = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn texts_of_a_language_are_for_it_and_for_what_is_spoken_elsewhere() {
    let files = [
        ("pt/texts.toml", "created_subject_dated = \"Inscrito: {title}\"\ngreeting = \"Olá, {name}!\""),
        ("pt_BR/texts.toml", "created_subject_dated = \"Inscrição: {title}\""),
    ];
    assert_eq!(
        subjects(&files, &["pt", "PT_pt.UTF-8", "pt-BR", "pt-BR-x-y", "xx"])[..4],
        ["Inscrito: ", "Inscrito: ", "Inscrição: ", "Inscrição: "]
            .map(|start| format!("{start}Winter Lights Concert"))
    );
    let mail = &mails(&files, &["pt-BR"])[0];
    assert!(mail.text(MediaType::Plain).starts_with("Olá, Ada Lovelace!\n"));
    let html = mail.text(MediaType::Html);
    assert!(
        html.contains("<html lang=\"pt-BR\" dir=\"ltr\">") && html.contains("Olá, <bdi>Ada Lovelace</bdi>!")
    );
    assert!(
        html.contains("<span lang=\"en\" dir=\"ltr\">View the event</span>"),
        "what is missing is marked: {html}"
    );
}

#[test]
fn templates_of_a_language_replace_those_for_all() {
    let files = [
        ("created/subject.txt", "Hello {{ event.title }}"),
        ("de/created/subject.txt", "Hallo {{ event.title }}"),
        ("de-AT/created/subject.txt", "Servus {{ event.title }}"),
        (
            "de-AT/base.txt",
            "{% block intro %}{% endblock %}{% block message %}{% endblock %}{% block details %}{% endblock %}\
                            {% block more %}{% endblock %}{% block button %}{% endblock %}{% block footer %}{% endblock %}",
        ),
    ];
    let starts: Vec<String> = subjects(&files, &["de", "de-CH", "de-AT", "fr", ""])
        .iter()
        .map(|subject| subject.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(starts, ["Hallo", "Hallo", "Servus", "Hello", "Hello"]);
}

/// A team that has written its mails in one language before there were others: nobody gets half of a mail in another one.
#[test]
fn a_mail_with_words_in_its_templates_is_in_one_language() {
    let own = "{% extends \"base.html\" %}{% block intro %}Willkommen!{% endblock %}";
    for (body, lang) in [
        (own, "en"),
        ("{% extends \"base.html\" %}{% block intro %}{{ text.created_intro }}{% endblock %}", "pt"),
    ] {
        let files = [("created/body.html", body), ("pt/texts.toml", "greeting = \"Olá, {name}!\"")];
        let mail = &mails(&files, &["pt"])[0];
        let html = mail.text(MediaType::Html);
        assert!(html.contains(&format!("<html lang=\"{lang}\" ")), "{html}");
        assert_eq!(html.contains("Olá"), lang == "pt");
        assert_eq!(mail.text(MediaType::Plain).contains("Olá"), lang == "pt");
    }
}

#[test]
fn a_language_from_right_to_left_has_a_mirrored_mail() {
    let html = mails(&[("ar/texts.toml", "created_badge = \"مسجّل\"")], &["ar-EG"]).remove(0);
    let html = html.text(MediaType::Html).to_owned();
    for expected in [
        "<html lang=\"ar-EG\" dir=\"rtl\">",
        "<div role=\"article\" aria-roledescription=\"email\" lang=\"ar-EG\"\n dir=\"rtl\"",
        "align=\"right\"",
        "padding-right:20px",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(!html.contains("align=\"left\"") && !html.contains("padding-left"), "{html}");
}

#[test]
fn any_locale_gives_a_mail() {
    let long = "x-".repeat(200);
    let locales =
        ["", " ", "DE_de", "de_DE.UTF-8", "xx", "zh-Hant-TW", "C", "<script>", "en-\u{202e}", "日本", &long];
    for subject in subjects(&[], &locales) {
        assert!(subject.contains("Winter Lights Concert"), "{subject}");
    }
}

#[test]
fn a_problem_in_texts_or_with_them_names_file_line_and_text() {
    for (files, told) in [
        (
            vec![("fi/texts.toml", "greeting = \"Hei {nimi}\"")],
            "fi/texts.toml: the text \"greeting\" has {nimi}; the placeholders that it can have: name",
        ),
        (
            vec![("fi/texts.toml", "footer_automatic = \"{title}\"")],
            "fi/texts.toml: the text \"footer_automatic\" has {title}; the placeholders that it can have: none",
        ),
        (
            vec![("fi/texts.toml", "\ngreeting = \"Hei {\"")],
            "fi/texts.toml, line 2: the text \"greeting\" has no } behind {",
        ),
        (
            vec![("created/subject.txt", "\n{{ text.greeting }}")],
            "created/subject.txt, line 2: the text \"greeting\" has {name}, which \"text.greeting\" cannot fill (it fills: title, date, time, when, short_when, location, reason, brand, contact, changes)",
        ),
        (
            vec![("de_AT/base.txt", ""), ("de-at/base.txt", "")],
            "TEMPLATES_DIR: the folders de-at and de_AT are for one language; put their files into de-AT",
        ),
    ] {
        assert_eq!(problem(&files), told);
    }
    let told = problem(&[("fi/created/body.txt", "{{ text.unknown }}")]);
    assert!(
        told.starts_with("fi/created/body.txt, line 1: the text \"text.unknown\" is not known (known: "),
        "{told}"
    );
    let told = problem(&[("fi/created/body.txt", "{{ evnt }}")]);
    assert!(told.starts_with("fi/created/body.txt, line 1: the variable \"evnt\" is not known"), "{told}");
}

#[test]
fn own_texts_may_have_names_of_their_own() {
    let files = [
        ("created/subject.txt", "{{ text.welcome }}"),
        ("en/texts.toml", "welcome = \"Welcome to {title}\""),
        ("fi/texts.toml", "welcome = \"Tervetuloa: {title}\""),
    ];
    let expected =
        ["Welcome to", "Tervetuloa:", "Welcome to"].map(|start| format!("{start} Winter Lights Concert"));
    assert_eq!(subjects(&files, &["en", "fi-FI", "sv"]), expected);
}

#[test]
fn files_of_languages_that_are_not_used_are_named() {
    let dir = folder(&[
        ("de/texts.toml", ""),
        ("de/Created/subject.txt", ""),
        ("fr/Texts.toml", ""),
        ("css/x.txt", ""),
    ]);
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let found = templates.dir().unwrap();
    assert_eq!(found.used, ["de/texts.toml"]);
    let told = found.misnamed();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        told[0],
        "TEMPLATES_DIR: de/Created/subject.txt is not used; the name that fanmail looks for is de/created/subject.txt"
    );
    assert_eq!(
        told[1],
        "TEMPLATES_DIR: fr/Texts.toml is not used; the name that fanmail looks for is fr/texts.toml"
    );
    assert!(
        told[2].starts_with("TEMPLATES_DIR: css/x.txt not used; fanmail looks for base.html, "),
        "{told:?}"
    );
}
