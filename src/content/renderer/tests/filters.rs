//! What the filters of templates show, and what is said when one cannot.

use super::*;

/// The subject that somebody with this locale gets with this template.
fn subject(template: &str, locale: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("created")).unwrap();
    fs::write(dir.path().join("created/subject.txt"), template).unwrap();
    let templates = Templates::load(&ContentConfig::with_templates(dir.path()));
    let templates = templates.unwrap_or_else(|error| panic!("{error}"));
    let context = context_of(&templates, Kind::Created, &sample::full());
    let participant = Participant { locale: Some(locale.to_owned()), ..sample::ada() };
    templates.render(&context, &participant).unwrap().subject
}

#[test]
fn raw_times_are_written_in_the_language_of_the_reader() {
    // A template that shows `locale` is for all languages.
    let written = |filter: &str, locale: &str| {
        let template = format!("{{{{ locale.lang }}}} {{{{ event.starts_at | date{filter} }}}} x");
        let subject = subject(&template, locale);
        subject.trim_start_matches(locale).trim_end_matches(" x").trim_start().to_owned()
    };
    for (filter, locale, expected) in [
        ("", "de", "Donnerstag, 24. Dezember 2026"),
        ("(format=\"long\")", "fr", "jeudi 24 décembre 2026"),
        ("(format=\"short\")", "es", "jue, 24 dic"),
        ("(format=\"time\")", "en-US", "6:00 PM"),
        ("(format='weekday')", "de", "Donnerstag"),
        ("(format=\"%e. %B, %H:%M\")", "de", "24. Dezember, 18:00"),
        ("(format=\"%R\", timezone=\"America/New_York\")", "de", "12:00"),
        ("(format=\"iso\", timezone=\"UTC\")", "de", "2026-12-24T17:00:00+00:00"),
        ("(format=\"iso\")", "de", "2026-12-24T18:00:00+01:00"),
        ("(format=\"weekday\", locale=\"fr\")", "de", "jeudi"),
    ] {
        assert_eq!(written(filter, locale), expected, "{filter}");
    }
}

#[test]
fn the_filter_takes_what_programs_write() {
    for (value, expected) in [
        ("event.ends_at", "20:00"),
        ("\"2026-12-24 17:00\"", "17:00"),
        ("\"2026-12-24T17:00:00+03:00\"", "17:00"),
        ("1798131600", "17:00"),
        ("\"2026-12-24\"", ""),
        ("none", ""),
    ] {
        let template = format!("a {{{{ {value} | date(format=\"time\") }}}}");
        assert_eq!(subject(&template, "en"), format!("a {expected}").trim_end(), "{value}");
    }
}

#[test]
fn raw_times_are_none_where_there_are_none() {
    let template = "a{% if event.is_past %}{{ event.ends_at | date }}{% endif %}";
    assert_eq!(subject(template, "en"), "a");
    assert_eq!(
        subject("{{ event.timezone }} {{ event.starts_at }}", "en"),
        "Europe/Berlin 2026-12-24T18:00:00+01:00"
    );
}

#[test]
fn an_error_is_told_in_plain_words_at_start() {
    for (template, told) in [
        (
            "a\n{% if false %}{{ event.starts_at | date(format=\"lnog\") }}{% endif %}",
            ", line 2: the filter date has no format \"lnog\" (it has: long, short, time, weekday, month, iso, and patterns such as %d.%m.%Y)",
        ),
        (
            "a{% if false %}{{ event.starts_at | date(timezone=participant.timezone, format=\"lnog\") }}{% endif %}",
            ", line 1: the filter date has no format \"lnog\" (it has: ",
        ),
        ("{{ event.starts_at | date(format=\"%Q\") }}", ", line 1: the filter date has no %Q (it has: "),
        (
            "{{ event.starts_at | date(timezone=\"Middle/Earth\") }}",
            ", line 1: the filter date does not know the time zone \"Middle/Earth\"; give it a name such as Europe/Berlin",
        ),
        (
            "{{ event.starts_at | date(fmt=\"long\") }}",
            ", line 1: the filter date has no argument fmt (it has: format, timezone, locale)",
        ),
        (
            "{{ event.title | date }}",
            ", line 1: the filter date cannot read \"Winter Lights Concert\" as a time; it reads 2026-12-24, ",
        ),
    ] {
        let problem = problem("created/subject.txt", template);
        assert!(problem.starts_with(told), "{problem}");
    }
}

/// In Polish, which has four forms, and in English, for people whose language has no such text.
#[test]
fn a_text_has_the_form_that_a_number_takes() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "created/subject.txt",
            "{{ event.days | plural(text=\"left\") }} {{ 5 | plural(text=\"left\") }} {{ \"22\" | plural(text=\"left\") }}",
        ),
        (
            "created/body.html",
            "{% extends \"base.html\" %}{% block intro %}{{ 1 | plural(text=\"in\", room=\"<A>\") }}{% endblock %}",
        ),
        (
            "en/texts.toml",
            "left = { one = \"one seat\", other = \"{count} seats\" }\nin = { one = \"*One* in {room}\", other = \"{count}\" }",
        ),
        (
            "pl/texts.toml",
            "left = { one = \"{count} miejsce\", few = \"{count} miejsca\", many = \"{count} miejsc\", other = \"{count} miejsca\" }",
        ),
        ("ja/texts.toml", "left = \"残り{count}席\""),
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    for (locale, expected) in [
        ("en", "one seat 5 seats 22 seats"),
        ("de", "one seat 5 seats 22 seats"),
        ("pl-PL", "1 miejsce 5 miejsc 22 miejsca"),
        ("ja", "残り1席 残り5席 残り22席"),
        ("ar", "one seat 5 seats 22 seats"),
    ] {
        let participant = Participant { locale: Some(locale.to_owned()), ..sample::ada() };
        let mail = templates.render(&context, &participant).unwrap();
        assert_eq!(mail.subject, expected, "{locale}");
        let html = mail.text(MediaType::Html).replace('\n', " ");
        assert!(html.contains("<strong>One</strong> in <bdi>&lt;A&gt;</bdi>"), "{html}");
        // English among other words, and in a mail from right to left.
        let runs_against = html.contains("<span lang=\"en\" dir=\"ltr\"><strong>One</strong>");
        assert_eq!(runs_against, locale != "en", "{locale}: {html}");
    }
}

#[test]
fn an_error_in_a_count_is_told_at_start() {
    for (template, told) in [
        (
            "{% if false %}{{ 1 | plural(text=\"lfet\") }}{% endif %}",
            ", line 1: the filter plural does not know the text \"lfet\"; put it into ",
        ),
        (
            "{% if false %}{{ 1 | plural(text=\"reason\") }}{% endif %}",
            ", line 1: the text \"reason\" has {reason}; give it to the filter: plural(text=\"reason\", reason=…) (in templates/en/texts.toml)",
        ),
        (
            "{{ reason }}{% if false %}{{ 1 | plural(room=event.location, text=\"reason\") }}{% endif %}",
            ", line 1: the text \"reason\" has {reason}; give it to the filter: ",
        ),
        (
            "{{ event.title | plural(text=\"about\") }}",
            ", line 1: the filter plural needs a whole number, and got \"Winter Lights Concert\"",
        ),
    ] {
        let problem = problem("created/subject.txt", template);
        assert!(problem.starts_with(told), "{problem}");
    }
}
