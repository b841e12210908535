//! Connections off this machine: plain text only if it is asked for, and never with a public password.

use testkit::certificates::Authority;

use super::*;

/// These are this machine whatever DNS says.
const LOOPBACK: [&str; 8] = [
    "localhost",
    "LocalHost",
    "LOCALHOST.",
    "127.0.0.1",
    "127.3.2.1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
];

const REMOTE: [&str; 18] = [
    "rabbitmq",
    "10.0.0.1",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]",
    "::ffff:10.0.0.1",
    "localhost.example.org",
    "localhost..",
    "localhost.localdomain",
    "127.0.0.1.nip.io",
    // Names, so DNS decides.
    "127.0.0.1.",
    "[::1].",
    "127.1",
    "127.000.000.001",
    "2130706433",
    "0x7f000001",
    "my-localhost",
    "ｌocalhost",
];

const USER: &str = "LAVINMQ_USERNAME=fan\nLAVINMQ_PASSWORD=s3cret\n";

#[test]
fn a_broker_on_this_machine_needs_no_tls_setting() {
    for host in LOOPBACK {
        let broker = read(&format!("LAVINMQ_HOST={host}\n")).unwrap().broker;
        assert_eq!((broker.tls, broker.hosts[0].port), (false, 5672), "{host}");
    }
}

#[test]
fn a_broker_on_another_machine_needs_a_tls_setting() {
    for host in REMOTE {
        let set = format!("LAVINMQ_HOST={host}\n{USER}");
        if host == "[::1]." {
            assert!(problems(&set).starts_with("LAVINMQ_HOST is "), "{host}");
            continue;
        }
        let problem = problems(&set);
        assert!(problem.starts_with("LAVINMQ_USE_TLS is not set, and the broker"), "{host}: {problem}");
        assert!(
            read(&format!("{set}LAVINMQ_USE_TLS=True\n"))
                .is_ok_and(|config| config.broker.hosts[0].port == 5671)
        );
        assert!(
            read(&format!("{set}LAVINMQ_USE_TLS=False\n"))
                .is_ok_and(|config| config.broker.hosts[0].port == 5672)
        );
    }
    // The scheme of a URL is a TLS setting, too.
    assert!(read("AMQP_URL=amqp://u:p@rabbitmq\n").is_ok_and(|config| !config.broker.tls));
    assert!(read("AMQP_URL=amqps://u:p@rabbitmq\n").is_ok_and(|config| config.broker.tls));
}

#[test]
fn guest_with_the_password_guest_is_for_this_machine_only() {
    for host in REMOTE.into_iter().filter(|host| *host != "[::1].") {
        for tls in ["True", "False"] {
            let set = format!("LAVINMQ_HOST={host}\nLAVINMQ_USE_TLS={tls}\n");
            let problem = problems(&set);
            assert!(
                problem.starts_with("LAVINMQ_USERNAME is guest with the password guest"),
                "{host}: {problem}"
            );
            assert!(problem.contains("rabbitmqctl add_user") && !problem.contains('\n'), "{problem}");
            assert!(read(&format!("{set}LAVINMQ_PASSWORD=other\n")).is_ok(), "{host}");
            assert!(read(&format!("{set}LAVINMQ_USERNAME=other\n")).is_ok(), "{host}");
        }
    }
    for url in
        ["amqps://h", "amqp://h", "amqps://guest:guest@h/v", "amqps://%67uest:gues%74@h", "amqps://guest@h"]
    {
        let problem = problems(&format!("AMQP_URL={url}\n"));
        assert!(
            problem.starts_with("AMQP_URL uses the user guest with the password guest"),
            "{url}: {problem}"
        );
    }
    assert!(read("AMQP_URL=amqp://guest:guest@127.0.0.1\n").is_ok());
    // The text before the @ is no host.
    assert!(
        problems("AMQP_URL=amqps://localhost:guest@h\nLAVINMQ_QUEUE=\u{1}\n").starts_with("LAVINMQ_QUEUE")
    );
    assert!(
        read("AMQP_URL=amqps://localhost:guest@h\n").is_ok_and(|config| config.broker.hosts[0].name == "h")
    );
}

/// A configuration that sends mail.
pub(super) fn sending(more: &str) -> String {
    format!("EMAIL_DUMMY_MODE=False\nFROM_EMAIL=me@example.org\n{more}")
}

pub(super) fn relay(more: &str) -> Relay {
    match read(&sending(&format!("SMTP_HOST=relay.example.org\n{more}"))).unwrap().email.route {
        Route::Smtp(relay) => relay,
        Route::Dummy { .. } => panic!("not the relay"),
    }
}

#[test]
fn a_relay_gets_plain_text_only_with_false() {
    let security = |more: &str| relay(more).security;
    assert_eq!(security(""), Security::AnyTls);
    assert_eq!(security("SMTP_PORT=25\n"), Security::AnyTls);
    assert_eq!(security("SMTP_PORT=465\n"), Security::ImplicitTls);
    assert_eq!(security("SMTP_USE_TLS=\n"), Security::AnyTls);
    assert_eq!(security("SMTP_USE_TLS=False\nSMTP_PORT=25\n"), Security::Plain);
    assert!(problems("SMTP_USE_TLS=False\nSMTP_PORT=465\n").contains("TLS begins with the first byte"));
    assert!(problems("SMTP_USE_TLS=none\n").contains("expected True or False"));
    let Route::Smtp(local) = read(&sending("SMTP_HOST=localhost\n")).unwrap().email.route else {
        panic!("not the relay");
    };
    assert_eq!(local.security, Security::AnyTls);
}

#[test]
fn plaintext_off_host_is_recognised() {
    let plaintext = |host: &str, tls: &str| {
        relay(&format!("SMTP_HOST={host}\nSMTP_USE_TLS={tls}\n")).is_plaintext_off_host()
    };
    for host in LOOPBACK {
        assert!(!plaintext(host, "False"), "{host}");
    }
    for host in REMOTE.into_iter().filter(|host| *host != "[::1].") {
        assert!(plaintext(host, "False") && !plaintext(host, "True"), "{host}");
    }
}

#[test]
fn a_ca_file_for_plain_text_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    fs::write(&path, Authority::new().pem()).unwrap();
    let amqp = format!("AMQP_CA_FILE={}\n", path.display());
    assert!(problems(&amqp).starts_with("LAVINMQ_USE_TLS is not True, but AMQP_CA_FILE is set"));
    assert!(
        problems(&format!("{amqp}AMQP_URL=amqp://localhost\n"))
            .starts_with("AMQP_URL begins with amqp:// (plain text), but AMQP_CA_FILE is set")
    );
    let config = read(&format!("{amqp}AMQP_URL=amqps://localhost\n")).unwrap();
    assert_eq!(format!("{:?}", config.broker.ca_certificates), "CaCertificates(1)");

    let smtp = format!("SMTP_CA_FILE={}\n", path.display());
    assert!(
        problems(&format!("{smtp}SMTP_USE_TLS=False\n")).starts_with("SMTP_USE_TLS is False, but SMTP_CA")
    );
    assert!(
        problems(&format!("{smtp}SMTP_SECURITY=none\n")).starts_with("SMTP_SECURITY is none, but SMTP_CA")
    );
    assert_eq!(format!("{:?}", relay(&smtp).ca_certificates), "CaCertificates(1)");
}
