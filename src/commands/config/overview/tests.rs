//! Which settings are shown, with which values and sources.

use std::fs;

use super::*;

/// The settings of this `.env`, without what the process that runs the test has set.
fn shown(dotenv: &str) -> Vec<Setting> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv).unwrap();
    let environment = Environment::load(&dir.path().join(".env")).unwrap();
    let config = Config::from_lookup(&|name| environment.get(name));
    settings(&environment, config.as_ref().ok())
}

/// The setting of this name, as value and source.
fn find(settings: &[Setting], name: &str) -> Option<(Option<String>, Source)> {
    let found = settings.iter().find(|setting| setting.name == name)?;
    Some((found.value.clone(), found.source.clone()))
}

#[test]
fn every_variable_that_is_read_is_shown_unless_another_one_has_its_value() {
    let settings = shown("");
    for name in Config::variables() {
        let is_shown = settings.iter().any(|setting| setting.name == name);
        let has_another = name.starts_with("BROKER_")
            || (name.ends_with("_FILE")
                && settings.iter().any(|setting| Some(setting.name.as_str()) == name.strip_suffix("_FILE")));
        assert_eq!(is_shown, !has_another, "{name}");
    }
    assert!(
        settings.iter().all(|setting| !setting.is_changed && setting.source == Source::Default),
        "{settings:?}"
    );
}

/// Setting one of them changes nothing.
#[test]
fn defaults_that_the_example_does_not_show_are_the_defaults() {
    let read = |lookup: &dyn Fn(&str) -> Option<String>| {
        let mut config = Config::from_lookup(lookup).unwrap();
        // `content` has the default.
        config.content.default_locale = config.content.default_locale.filter(|locale| locale != "en");
        format!("{config:#?}")
    };
    for (name, default) in UNWRITTEN {
        let set = read(&|wanted| (wanted == name).then(|| default.to_owned()));
        assert_eq!(set, read(&|_| None), "{name}");
    }
}

#[test]
fn a_setting_says_where_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "MARKER\n").unwrap();
    let settings = shown(&format!(
        "# mine\nPREFETCH=8\nBATCH_SIZE=100\nBROKER_HOST=localhost\nBRAND_NAME=Ball\nSMTP_USERNAME=ada\n\
         SMTP_PASSWORD_FILE={}\nDATABASE_URL=sqlite:///a.db\nUNSUBSCRIBE_SECRET=MARKER-0123456789abcdef-0123456789abcdef\n\
         UNSUBSCRIBE_URL=https://example.org/u\nHTTP_ADDR=127.0.0.1:1\n",
        file.display()
    ));
    let value = |text: &str| Some(text.to_owned());
    for (name, found) in [
        ("PREFETCH", Some((value("8"), Source::Dotenv(2)))),
        ("LAVINMQ_HOST", None),
        ("BROKER_HOST", Some((value("localhost"), Source::Dotenv(4)))),
        ("FROM_NAME", Some((value("Ball"), Source::Default))),
        ("SMTP_PASSWORD", Some((value("(secret)"), Source::File("SMTP_PASSWORD_FILE".to_owned())))),
        ("UNSUBSCRIBE_SECRET", Some((value("(secret)"), Source::Dotenv(9)))),
        ("DATABASE_URL", Some((value("sqlite:///a.db"), Source::Dotenv(8)))),
        ("LOG_FILE", Some((None, Source::Default))),
    ] {
        assert_eq!(find(&settings, name), found, "{name}");
    }
    let changed: Vec<&str> =
        settings.iter().filter(|setting| setting.is_changed).map(|setting| setting.name.as_str()).collect();
    assert!(changed.contains(&"PREFETCH") && !changed.contains(&"BATCH_SIZE"), "{changed:?}");
    assert!(!format!("{settings:?}").contains("MARKER"));
}

#[test]
fn a_url_wins_over_the_parts_of_it() {
    let settings =
        shown("AMQP_URL=amqp://ada:MARKER@localhost/v\nLAVINMQ_HOST=other\nLAVINMQ_QUEUE=events\n");
    let url = Source::Variable("AMQP_URL");
    assert_eq!(find(&settings, "LAVINMQ_HOST"), Some((None, url.clone())));
    assert_eq!(find(&settings, "LAVINMQ_PASSWORD"), Some((None, url)));
    assert_eq!(find(&settings, "LAVINMQ_QUEUE"), Some((Some("events".to_owned()), Source::Dotenv(3))));
    assert_eq!(
        find(&settings, "AMQP_URL"),
        Some((Some("amqp://ada:***@localhost/v".to_owned()), Source::Dotenv(1)))
    );
}
