//! Templates with the sample data: problems in them, and what is rendered.

use std::fs;

use super::*;
use crate::config::content::ContentConfig;
use crate::content::catalogue::Catalogue;
use crate::content::{layout, sample, view};
use crate::domain::content::MediaType;
use crate::domain::event::Event;
use crate::domain::kind::Kind;

mod blanks;
mod blocks;
mod changes;
mod direction;
mod filters;
mod kinds;
mod languages;
mod layout_of_mails;
mod message;
mod own_time;
mod routed;

/// What the mails of a message have in common that carries nothing.
fn context_of(templates: &Templates, kind: Kind, event: &Event) -> NotificationContext {
    templates
        .notification_context_at(&NotificationFacts::of_event(kind, event.clone()), sample::now())
        .unwrap()
}

fn render(kind: Kind, event: &Event, participant: &Participant) -> Content {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    templates.render(&context_of(&templates, kind, event), participant).unwrap()
}

/// The error of `load` for a directory where `name` has this text, without the path of that file.
fn problem(name: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let error = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string();
    let rest = error.strip_prefix(&*path.display().to_string());
    rest.unwrap_or_else(|| panic!("names another file: {error}")).to_owned()
}

#[test]
fn a_problem_names_file_line_and_variable() {
    for (name, text, expected) in [
        (
            "updated/body.html",
            "{% extends \"base.html\" %}\n{% block intro %}\n{{ evnt.title }}{% endblock %}",
            ", line 3: the variable \"evnt\" is not known (known: {VARIABLES})",
        ),
        (
            "updated/subject.txt",
            "x\n{% if event.url %}{% else %}{{ nme }}{% endif %}",
            ", line 2: the variable \"nme\" is not known (known: {VARIABLES})",
        ),
        (
            "cancelled/body.html",
            "{% extends \"base.html\" %}\n{% block intro %}{% if event.ulr %}x{% endif %}{% endblock %}",
            ", line 2: the field \"event.ulr\" is not known (known: {EVENT})",
        ),
        (
            "created/body.txt",
            "{{ participant.email }}",
            ", line 1: the field \"participant.email\" is not known (known: id, name, locale, timezone)",
        ),
        (
            "cancelled/body.txt",
            "one\ntwo {% if %}",
            ", line 2: Found `%}` but expected one of: integer, float, string, bool, ident, `-`, `not`, `<`, `{`, \
             `[` or `(`",
        ),
        ("created/subject.txt", "one\n\n{{ event.title | shout }}", ", line 3: Unknown filter `shout`"),
        (
            "created/body.html",
            "{% extends \"base.html\" %}\n{% block intr %}x{% endblock %}",
            ", line 2: Block `intr` is not defined in any parent template; known blocks of templates/base.html: palette, \
             preheader, badge, heading, intro, message, details, leaf_style, when_style, place_style, button, more, footer",
        ),
        ("created/body.html", "\n{% include \"logo.html\" %}", ", line 2: Unknown template `logo.html`"),
        (
            "created/body.html",
            "{% extends \"bse.html\" %}",
            ": extends \"bse.html\", which does not exist (existing templates: base.html, base.txt, created/subject.txt, \
             created/body.txt, created/body.html, updated/subject.txt, updated/body.txt, updated/body.html, \
             cancelled/subject.txt, cancelled/body.txt, cancelled/body.html, reminder/subject.txt, reminder/body.txt, \
             reminder/body.html, notice/subject.txt, notice/body.txt, notice/body.html)",
        ),
        (
            "created/body.txt",
            "\n{{ event.title + 1 }}",
            ", line 2: `+` requires both operands to be numbers, found `string` and `i64`",
        ),
        ("created/subject.txt", "{% if event.when %}{{ event.title }}{% endif %}", ": the subject is empty"),
    ] {
        let expected = expected.replace("{VARIABLES}", &view::VARIABLES.join(", "));
        let expected = expected.replace("{EVENT}", &view::EVENT.join(", "));
        assert_eq!(problem(name, text), expected, "{name}: {text}");
    }
}

#[test]
fn a_problem_in_a_built_in_template_names_the_file_in_the_repository() {
    let sources = Catalogue::read(None, &[]).unwrap().sources;
    assert_eq!(sources.path("updated/body.html"), "templates/updated/body.html");
}

#[test]
fn one_file_can_be_replaced_and_other_files_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("created")).unwrap();
    fs::write(dir.path().join("created/subject.txt"), "Welcome to {{ event.title }}").unwrap();
    fs::write(dir.path().join("README.md"), "{{ not a template").unwrap();
    fs::write(dir.path().join("created/body.html~"), "{% broken").unwrap();
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let ada = Participant { locale: None, ..sample::ada() };
    let created = templates.render(&context_of(&templates, Kind::Created, &sample::full()), &ada).unwrap();
    assert_eq!(created.subject, "Welcome to Winter Lights Concert");
    assert_eq!(
        created.text(MediaType::Html),
        render(Kind::Created, &sample::full(), &ada).text(MediaType::Html)
    );
}

#[test]
fn a_subject_may_contain_the_name_of_the_participant() {
    for subject in
        ["{{ event.title }} for {{ participant.name }}", "{% set who = participant.name %}For {{ who }}"]
    {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("created")).unwrap();
        fs::write(dir.path().join("created/subject.txt"), subject).unwrap();
        let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
        let notification_context = context_of(&templates, Kind::Created, &sample::full());
        for (participant, name) in [(sample::ada(), "Ada Lovelace"), (sample::hostile_name(), "Ann")] {
            let subject = templates.render(&notification_context, &participant).unwrap().subject;
            assert!(subject.contains(name), "{subject}");
        }
    }
}

#[test]
fn a_directory_or_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = Templates::load(&ContentConfig::with_templates(&missing)).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("TEMPLATES_DIR: {} is not a directory", missing.display())),
        "{error}"
    );
    assert_eq!(
        {
            fs::write(dir.path().join("base.html"), b"\xff").unwrap();
            Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string()
        },
        format!("{}/base.html cannot be read: stream did not contain valid UTF-8", dir.path().display())
    );
    fs::remove_file(dir.path().join("base.html")).unwrap();
    std::os::unix::fs::symlink("gone.html", dir.path().join("base.html")).unwrap();
    let error = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string();
    assert!(error.ends_with("/base.html cannot be read: No such file or directory (os error 2)"), "{error}");
}

#[test]
fn names_and_titles_are_shown_literally_in_both_parts() {
    let bob = sample::hostile_name();
    for kind in Kind::OF_EVENTS {
        let mail = render(kind, &sample::hostile(), &bob);
        let html = mail.text(MediaType::Html).replace('\n', " ");
        assert!(
            html.contains(
                "Hi <bdi>&lt;b&gt;Bob &amp; Ann&lt;/b&gt;, &quot;J\u{fc}rgen&quot; &lt;x&gt;</bdi>,"
            )
        );
        assert!(mail.text(MediaType::Plain).starts_with("Hi <b>Bob & Ann</b>, \"J\u{fc}rgen\" <x>,\n"));
        assert!(
            !mail.text(MediaType::Html).contains("<script>") && !mail.text(MediaType::Html).contains("<img"),
            "{}",
            mail.text(MediaType::Html)
        );
        assert!(
            !mail.text(MediaType::Plain).contains("&amp;") && !mail.text(MediaType::Plain).contains("&quot;")
        );
        assert!(
            mail.subject.contains("<script>alert(\"1\")</script> & 'Übung' Bcc: everyone@example.org 🎉")
        );
        assert!(!mail.subject.chars().any(char::is_control));
    }
}

#[test]
fn a_name_that_could_become_a_link_is_left_out() {
    let names = [
        "https://evil.example/x",
        "Ann www.evil.example",
        "Ann ann@evil.example",
        "evil.example",
        "EVIL.COM/x",
    ];
    for (kind, name) in Kind::OF_EVENTS.into_iter().flat_map(|kind| names.map(|name| (kind, name))) {
        let participant = Participant { name: name.to_owned(), ..sample::link_name() };
        let mail = render(kind, &sample::full(), &participant);
        assert!(mail.text(MediaType::Plain).starts_with("Hello,\n"), "{}", mail.text(MediaType::Plain));
        assert!(mail.text(MediaType::Html).contains(">Hello,</p>"));
        for part in [mail.text(MediaType::Plain), mail.text(MediaType::Html), &mail.subject] {
            assert!(!part.to_lowercase().contains("evil") && !part.contains("Ann"), "{part}");
        }
    }
}

#[test]
fn no_template_of_ones_own_shows_such_a_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("created")).unwrap();
    let greeting = "Bonjour{% if participant.name %} {{ participant.name }}{% endif %} !";
    for name in ["subject.txt", "body.txt", "body.html"] {
        fs::write(dir.path().join("created").join(name), greeting).unwrap();
    }
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    let mail = templates.render(&context, &sample::link_name()).unwrap();
    let all = [mail.subject.as_str(), mail.text(MediaType::Plain).trim(), mail.text(MediaType::Html).trim()];
    assert_eq!(all, ["Bonjour !"; 3]);
}

#[test]
fn what_is_missing_is_left_out() {
    let mail = render(Kind::Created, &sample::bare(), &sample::nameless());
    assert!(mail.text(MediaType::Html).contains(">Hello,</p>"));
    for absent in ["class=\"panel\"", "<a ", "None"] {
        assert!(!mail.text(MediaType::Html).contains(absent), "{absent}");
    }
    assert_eq!(mail.subject, "You're registered: Summer party");
    assert_eq!(
        mail.text(MediaType::Plain),
        "Hello,\n\nYou are registered.\n\n    Summer party\n\n\
         ------------------------------------------------------------------------\n\
         You get this mail because you are registered for this event. It was sent\nautomatically.\n"
    );
}

#[test]
fn an_event_of_a_whole_day_has_no_hour_and_no_zone() {
    for kind in Kind::OF_EVENTS {
        for zone in ["America/New_York", "Pacific/Kiritimati"] {
            let event = Event { timezone: zone.to_owned(), ..sample::all_day() };
            let content = render(kind, &event, &sample::ada());
            let Content { subject, parts, .. } = &content;
            assert!(subject.ends_with("Open day (Thu 24 Dec)"), "{subject}");
            for part in parts {
                let text = part.text.replace("17:30", "");
                assert!(text.contains("Thursday, 24 December 2026"), "{text}");
                for wrong in ["23 December", "25 December", zone, "00:00", "(E", "2026,", "2026</strong><br>"]
                {
                    assert!(!text.contains(wrong), "{wrong:?}: {text}");
                }
            }
        }
    }
}

/// With variables that every version has. An empty text is no error for a filter, and none would be.
#[test]
fn older_templates_work_with_an_event_of_a_whole_day() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("updated")).unwrap();
    let template = "{{ event.title }}{% if event.when %}: {{ event.date }}|{{ event.time | upper }}|{{ event.when }}{% endif %}";
    fs::write(dir.path().join("updated/subject.txt"), template).unwrap();
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = context_of(&templates, Kind::Updated, &sample::all_day());
    let subject = templates.render(&context, &sample::ada()).unwrap().subject;
    assert_eq!(subject, "Open day: Thursday, 24 December 2026||Thursday, 24 December 2026");
}

#[test]
fn a_long_title_makes_a_short_subject() {
    let event = Event { title: "word ".repeat(500), ..sample::full() };
    let subject = render(Kind::Updated, &event, &sample::ada()).subject;
    assert!(subject.chars().count() <= layout::SUBJECT_MAX && subject.ends_with('…'), "{subject}");
    let event = Event { title: " \n".to_owned(), ..sample::full() };
    assert!(render(Kind::Updated, &event, &sample::ada()).subject.contains("Event 123"));
}
