//! How to speak with the relay: kind of TLS, name in EHLO, timeouts.

use super::off_loopback::relay;
use super::*;

#[test]
fn smtp_security_decides_on_any_port() {
    for port in ["25", "465", "587", "2465"] {
        for (value, security) in [
            ("starttls", Security::StartTls),
            ("STARTTLS", Security::StartTls),
            ("tls", Security::ImplicitTls),
            ("none", Security::Plain),
        ] {
            let set = format!("SMTP_PORT={port}\nSMTP_SECURITY={value}\n");
            assert_eq!(relay(&set).security, security, "{set}");
        }
    }
    assert!(
        problems("SMTP_SECURITY=ssl\n").contains("SMTP_SECURITY is \"ssl\"; expected starttls, tls or none")
    );
}

#[test]
fn the_two_variables_of_tls_must_not_contradict_each_other() {
    for (security, use_tls) in [("none", "True"), ("starttls", "False"), ("tls", "False")] {
        let problem = problems(&format!("SMTP_SECURITY={security}\nSMTP_USE_TLS={use_tls}\n"));
        assert!(problem.starts_with("SMTP_SECURITY asks for "), "{problem}");
        assert!(problem.contains(&format!("but SMTP_USE_TLS is {use_tls}")), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
    for (security, use_tls) in [("none", "False"), ("starttls", "True"), ("tls", "True")] {
        relay(&format!("SMTP_SECURITY={security}\nSMTP_USE_TLS={use_tls}\n"));
    }
}

#[test]
fn the_name_in_ehlo_is_a_domain_or_an_address_in_brackets() {
    assert_eq!(relay("").helo_name, None);
    for name in
        ["mail.example.org", "localhost", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]
    {
        assert_eq!(relay(&format!("SMTP_HELO_NAME={name}\n")).helo_name.as_deref(), Some(name));
    }
    let long = format!("{}.example", "a".repeat(64));
    for name in [
        "mail_1.example",
        "mail example",
        "b\u{fc}cher.example",
        "-a.example",
        "a..b",
        "a.",
        "192.0.2.1",
        "[2001:db8::1]",
        "[mail]",
        "[192.0.2.1",
        "a\tb",
        &long,
    ] {
        let problem = problems(&format!("SMTP_HELO_NAME={name}\n"));
        assert!(
            problem.starts_with("SMTP_HELO_NAME is ") && problem.contains("a domain name such as"),
            "{problem}"
        );
    }
}

#[test]
fn the_reply_to_a_body_has_ten_minutes() {
    let timeouts = |more: &str| {
        let relay = relay(more);
        (relay.timeout.as_secs(), relay.data_timeout.as_secs())
    };
    assert_eq!(timeouts(""), (60, 600));
    assert_eq!(timeouts("SMTP_TIMEOUT=5\nSMTP_DATA_TIMEOUT=120\n"), (5, 120));
    assert!(problems("SMTP_DATA_TIMEOUT=0\n").contains("seconds, from 0.1 to 3600"));
}

const CLIENT: &str =
    "SMTP_OAUTH_TOKEN_URL=https://login.example.org/token?key=MARKER\nSMTP_OAUTH_CLIENT_ID=id\n";

#[test]
fn a_token_endpoint_replaces_the_password() {
    let set = format!("{CLIENT}SMTP_OAUTH_CLIENT_SECRET=MARKER\nSMTP_USERNAME=me@example.org\n");
    let login = relay(&set).login.unwrap();
    assert!(!format!("{login:?}").contains("MARKER"));
    let LoginMethod::OAuth(client) = login.method else { panic!("not OAuth") };
    assert_eq!(client.shown_url(), "https://login.example.org/token");
    assert_eq!((client.client_id.as_str(), client.scope, client.refresh_token), ("id", None, None));

    let problem = |more: &str| problems(&super::off_loopback::sending(&format!("SMTP_HOST=h\n{more}")));
    for (more, expected) in [
        (format!("{set}SMTP_PASSWORD=MARKER\n"), "SMTP_PASSWORD is set, and SMTP_OAUTH_TOKEN_URL as well"),
        (
            format!("{CLIENT}SMTP_OAUTH_REFRESH_TOKEN=MARKER\n"),
            "SMTP_USERNAME is not set, but SMTP_OAUTH_TOKEN_URL is",
        ),
        (
            format!("{CLIENT}SMTP_USERNAME=me\n"),
            "SMTP_OAUTH_CLIENT_SECRET is not set, and SMTP_OAUTH_REFRESH_TOKEN",
        ),
        ("SMTP_OAUTH_SCOPE=x\n".to_owned(), "SMTP_OAUTH_TOKEN_URL is not set, but SMTP_OAUTH_SCOPE is"),
        (
            set.replace("SMTP_OAUTH_CLIENT_ID", "X"),
            "SMTP_OAUTH_CLIENT_ID is not set, but SMTP_OAUTH_TOKEN_URL is",
        ),
        (set.replace("https://", "http://"), "SMTP_OAUTH_TOKEN_URL is not the URL of a token endpoint"),
        (
            set.replace("https://", "https://me:MARKER@"),
            "SMTP_OAUTH_TOKEN_URL is not the URL of a token endpoint",
        ),
        (set.replace("https://", ""), "SMTP_OAUTH_TOKEN_URL is not the URL of a token endpoint"),
    ] {
        let problem = problem(&more);
        assert!(problem.starts_with(expected), "{problem}");
        assert!(!problem.contains("MARKER"), "{problem}");
        assert!(!problem.contains('\n'), "one problem is reported once: {problem}");
    }
    for host in ["localhost:1", "127.0.0.1:1", "[::1]:1"] {
        relay(&set.replace("https://login.example.org", &format!("http://{host}")));
    }
}
