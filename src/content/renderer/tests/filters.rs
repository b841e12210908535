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
