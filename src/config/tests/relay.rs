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
