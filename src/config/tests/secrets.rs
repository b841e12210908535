//! Where secrets come from, and that none is shown.

use super::*;

#[test]
fn a_secret_may_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (password, url) = (file("password", " with space \r\n"), file("url", "sqlite:////var/a.db\n"));
    let config = read(&format!("LAVINMQ_PASSWORD_FILE={password}\nDATABASE_URL_FILE={url}\n")).unwrap();
    assert_eq!(config.broker.password.expose(), " with space ");
    assert_eq!(config.database.backend, Backend::Sqlite("/var/a.db".into()));

    let found = problems(&format!("LAVINMQ_PASSWORD_FILE={password}\nLAVINMQ_PASSWORD=MARKER\n"));
    assert_eq!(found, "LAVINMQ_PASSWORD is set, and LAVINMQ_PASSWORD_FILE as well; keep one of them");
    let empty = file("empty", "\n");
    let real = "EMAIL_DUMMY_MODE=False\nSMTP_HOST=h\nFROM_EMAIL=me@example.org\nSMTP_USERNAME=me\n";
    let found = problems(&format!("{real}SMTP_PASSWORD_FILE={empty}\nAMQP_URL_FILE=/nowhere\n"));
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(
        lines[0],
        "AMQP_URL_FILE is \"/nowhere\"; expected a file that can be read, but: No such file or directory (os error 2)"
    );
    assert!(lines[1].starts_with("SMTP_PASSWORD_FILE is ") && lines[1].ends_with("but this file is empty"));
    assert_eq!(lines.len(), 2, "{found}");
}

#[test]
fn a_secret_may_be_a_credential_of_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let credential = |name: &str, content: &str| fs::write(dir.path().join(name), content).unwrap();
    credential("lavinmq_password", "hare\n");
    let relay = format!(
        "CREDENTIALS_DIRECTORY={}\nEMAIL_DUMMY_MODE=False\nSMTP_HOST=h\nFROM_EMAIL=me@example.org\nSMTP_USERNAME=me\n",
        dir.path().display()
    );
    credential("smtp_password", "");
    let empty = problems(&relay);
    assert!(empty.contains("SMTP_PASSWORD is") && empty.contains("but this file is empty"), "{empty}");
    credential("smtp_password", "secret");
    let password = |text: &str| read(text).unwrap().broker.password.expose().to_owned();
    assert_eq!(password(&relay), "hare");
    // The line of the example that an operator has left in the file of settings.
    assert_eq!(
        problems(&format!("{relay}LAVINMQ_PASSWORD=fox\n")),
        "LAVINMQ_PASSWORD is set, and the credential lavinmq_password as well; keep one of them"
    );
    // As a unit says it with `%d`, and a file elsewhere, which is named on purpose.
    let (inside, outside) = (dir.path().join("lavinmq_password"), dir.path().join("elsewhere"));
    fs::write(&outside, "fox").unwrap();
    for (path, told) in [(inside, "hare"), (outside, "fox")] {
        assert_eq!(password(&format!("{relay}LAVINMQ_PASSWORD_FILE={}\n", path.display())), told);
    }
}

/// Also where another setting asks whether the secret is there.
#[test]
fn a_credential_counts_as_set() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("database_url", "sqlite:////var/a.db\n"),
        ("http_token", "0123456789abcdef0123456789abcdef\n"),
        ("unsubscribe_secret", "0123456789abcdef0123456789abcdef\n"),
    ] {
        fs::write(dir.path().join(name), content).unwrap();
    }
    let config = read(&format!(
        "CREDENTIALS_DIRECTORY={}\nHTTP_ADDR=0.0.0.0:9090\nUNSUBSCRIBE_URL=https://events.example.org/u\n",
        dir.path().display()
    ))
    .unwrap();
    assert_eq!(config.database.backend, Backend::Sqlite("/var/a.db".into()));
    assert_eq!(config.database.default_file, None, "nothing looks for the file that is the default");
    assert_eq!(config.http.tokens.len(), 1);
}

#[test]
fn no_secret_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, "MARKER").unwrap();
    let real = "EMAIL_DUMMY_MODE=False\nSMTP_HOST=h\nFROM_EMAIL=me@example.org\nSMTP_USERNAME=me\n";
    for set in [
        "LAVINMQ_PASSWORD=MARKER\nSMTP_PASSWORD=MARKER\n".to_owned(),
        "AMQP_URL=amqps://u:MARKER@h/v\nSMTP_PASSWORD=MARKER\n".to_owned(),
        format!("LAVINMQ_PASSWORD_FILE={0}\nSMTP_PASSWORD_FILE={0}\n", path.display()),
    ] {
        let config = read(&format!("{real}{set}")).unwrap();
        assert!(!format!("{config:?} {config:#?}").contains("MARKER"), "{set}");
        let Route::Smtp(relay) = config.email.route else {
            panic!("not the relay");
        };
        let Some(LoginMethod::Password(password)) = relay.login.map(|login| login.method) else {
            panic!("no password")
        };
        assert_eq!((config.broker.password.expose(), password.expose()), ("MARKER", "MARKER"));
    }
    for set in [
        "AMQP_URL=amqps://u:MARKER@h:port/v\n".to_owned(),
        "DATABASE_URL=postgres://u:MARKER@h:port/v\n".to_owned(),
        "SMTP_PASSWORD=MARKER\nEMAIL_DUMMY_MODE=False\n".to_owned(),
        format!("AMQP_URL_FILE={0}\nDATABASE_URL=mysql://u:MARKER@h:port/v\n", path.display()),
    ] {
        let errors = read(&set).unwrap_err();
        assert!(!format!("{errors} {errors:?}").contains("MARKER"), "{errors}");
    }
}
