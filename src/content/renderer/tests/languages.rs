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
pub(super) fn mails(files: &[(&str, &str)], locales: &[&str]) -> Vec<Content> {
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

/// `templates export` writes them all.
#[test]
fn a_mail_whose_templates_are_as_they_were_exported_is_in_every_language() {
    let exported: Vec<(&str, &str)> = crate::content::catalogue::embedded().collect();
    let changed = ("notice/subject.txt", "{{ notice.title }} ");
    for files in [exported, vec![changed]] {
        let dir = folder(&files);
        let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
        let facts = NotificationFacts::of_message(Kind::Notice, sample::notice());
        let context = templates.notification_context_at(&facts, sample::now()).unwrap();
        let mail = templates.render(&context, &of("de")).unwrap();
        assert!(
            mail.text(MediaType::Plain).contains("Diese Nachricht wurde automatisch versendet."),
            "{files:?}"
        );
    }
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
            vec![("fi/texts.toml", "footer = { one = \"a\", other = \"b\" }")],
            "fi/texts.toml: the text \"footer\" has forms for numbers, and mails show it without a number",
        ),
        (
            vec![
                ("en/texts.toml", "left = { one = \"a\", other = \"b\" }"),
                ("created/subject.txt", "\n{{ text.left }}"),
            ],
            "created/subject.txt, line 2: the text \"left\" has forms for numbers; show it with {{ number | plural(text=\"left\") }}",
        ),
        (
            vec![("fi/texts.toml", "\ngreeting = \"Hei {\"")],
            "fi/texts.toml, line 2: the text \"greeting\" has no } behind {",
        ),
        (
            vec![("created/subject.txt", "\n{{ text.greeting }}")],
            "created/subject.txt, line 2: the text \"greeting\" has {name}, which \"text.greeting\" cannot fill (it fills: title, date, short_date, time, when, short_when, location, reason, brand, contact, changes)",
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

/// Templates of a route that is gone, in the folder of a language that has nothing else, and folders of languages in that of a mail.
#[test]
fn files_of_languages_for_no_mail_are_named() {
    for (file, told) in [
        ("de/course-moved/subject.txt", " not used; fanmail looks for "),
        ("course-moved/de/subject.txt", " not used; fanmail looks for "),
        (
            "created/de-AT/body.html",
            " is not used; the name that fanmail looks for is de-AT/created/body.html",
        ),
    ] {
        let dir = folder(&[(file, "")]);
        let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
        let sentences = templates.dir().unwrap().misnamed();
        let is_told = |sentence: &String| sentence.starts_with(&format!("TEMPLATES_DIR: {file}{told}"));
        assert!(sentences.len() == 1 && is_told(&sentences[0]), "{sentences:?}");
    }
}

/// Every language that is built in, every kind, and events of all sorts: no mail lacks a word, and none is half in another language.
#[test]
fn every_language_writes_every_kind() {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let with = |start: &str, end: &str| {
        let moment = |text: &str| {
            let time = text.parse().map(crate::domain::event::DateOrTime::Time);
            time.or_else(|_| text.parse().map(crate::domain::event::DateOrTime::Date)).ok()
        };
        Event { starts_at: moment(start), ends_at: moment(end), ..sample::full() }
    };
    let events = [
        sample::full(),
        sample::bare(),
        sample::all_day(),
        sample::hostile(),
        with("2026-12-24", "2026-12-26"),
        with("2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"),
    ];
    let locales = [
        "en", "en-US", "de", "de-AT", "fr", "fr-CA", "es", "es-MX", "ar", "ar-EG", "he", "ja", "pt-BR", "xx",
    ];
    for ((kind, event), locale) in Kind::OF_EVENTS
        .into_iter()
        .flat_map(|kind| events.iter().map(move |event| (kind, event)))
        .flat_map(|case| locales.map(|locale| (case, locale)))
    {
        let mail = templates.render(&context_of(&templates, kind, event), &of(locale)).unwrap();
        let language = if ["en", "de", "fr", "es"].contains(&&locale[..2]) { locale } else { "en" };
        assert_eq!(&*mail.language, language, "{locale}");
        let (html, text) = (mail.text(MediaType::Html), mail.text(MediaType::Plain));
        let dir = if ["ar", "he"].contains(&&locale[..2]) { "rtl" } else { "ltr" };
        assert!(html.contains(&format!("<html lang=\"{language}\" dir=\"{dir}\">")), "{html}");
        assert_eq!(html.contains("<span lang="), dir == "rtl", "a text is missing in {locale}: {html}");
        for part in [html, text, &mail.subject] {
            assert!(
                !part.contains("()") && !part.contains("M12") && !part.contains(" ,"),
                "{kind} {locale}: {part}"
            );
        }
    }
}

#[test]
fn people_without_a_locale_get_the_default_one() {
    let config = ContentConfig { default_locale: Some("de".to_owned()), ..ContentConfig::default() };
    let templates = Templates::load(&config).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    for (locale, start) in [
        (None, "Angemeldet:"),
        (Some("xx"), "Angemeldet:"),
        (Some("en"), "You're"),
        (Some("fr-BE"), "Inscription"),
    ] {
        let person = Participant { locale: locale.map(str::to_owned), ..sample::ada() };
        let subject = templates.render(&context, &person).unwrap().subject;
        assert!(subject.starts_with(start), "{locale:?}: {subject}");
    }
}
