//! Records as receivers read them, and those that they refuse.

use proptest::prelude::*;

use super::*;

#[test]
fn terms_are_read_as_the_rfc_writes_them() {
    let name = |name: &str| name.to_owned();
    let pass = |mechanism| Term::Mechanism(Qualifier::Pass, mechanism);
    for (text, wanted) in [
        ("all", pass(Mechanism::All)),
        ("-ALL", Term::Mechanism(Qualifier::Fail, Mechanism::All)),
        ("~all", Term::Mechanism(Qualifier::SoftFail, Mechanism::All)),
        ("?all", Term::Mechanism(Qualifier::Neutral, Mechanism::All)),
        ("Include:_spf.Relay.org.", pass(Mechanism::Include(name("_spf.relay.org")))),
        ("a", pass(Mechanism::Address(None))),
        ("a/24", pass(Mechanism::Address(None))),
        ("a//64", pass(Mechanism::Address(None))),
        ("a/24//64", pass(Mechanism::Address(None))),
        ("a:x.org/24//64", pass(Mechanism::Address(Some(name("x.org"))))),
        ("mx:%{d}/24", pass(Mechanism::Exchanges(Some(name("%{d}"))))),
        ("-mx", Term::Mechanism(Qualifier::Fail, Mechanism::Exchanges(None))),
        ("ptr", pass(Mechanism::Pointer)),
        ("ptr:x.org", pass(Mechanism::Pointer)),
        ("exists:%{ir}.%{l1r-}._spf.%{d2}", pass(Mechanism::Exists(name("%{ir}.%{l1r-}._spf.%{d2}")))),
        ("ip4:192.0.2.1", pass(Mechanism::Network { is_everything: false })),
        ("ip4:192.0.2.0/24", pass(Mechanism::Network { is_everything: false })),
        ("ip4:0.0.0.0/0", pass(Mechanism::Network { is_everything: true })),
        ("ip6:2001:db8::/32", pass(Mechanism::Network { is_everything: false })),
        ("ip6:::/0", pass(Mechanism::Network { is_everything: true })),
        ("redirect=_spf.x.org", Term::Redirect(name("_spf.x.org"))),
        ("exp=why.x.org", Term::Modifier),
        ("moo.1=bar", Term::Modifier),
    ] {
        assert_eq!(parse(&format!("v=spf1  {text} ")), Ok(vec![wanted]), "{text}");
    }
    assert_eq!(parse("v=spf1"), Ok(Vec::new()));
}

#[test]
fn a_term_that_receivers_do_not_understand_is_named() {
    for text in [
        "ipv4:192.0.2.1",
        "ip4",
        "ip4:",
        "ip4:192.0.2",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/08",
        "ip4:192.0.2.1/",
        "ip4:192.0.2.1/+8",
        "ip4:relay.org",
        "ip4:2001:db8::1",
        "ip6:192.0.2.1",
        "include",
        "include:",
        "include:org",
        "include:192.0.2.1",
        "include:a..org",
        "include=x.org",
        "a:",
        "a/33",
        "a//129",
        "a:x.org/",
        "exists",
        "all:x.org",
        "all.",
        "--all",
        "-",
        "+",
        "mx:x.org,",
        "include:%{z}.org",
        "include:%x.org",
        "include:x.org%",
        "include:%{d",
        "redirect=",
        "=x",
        "v=spf1;",
        "\"v=spf1",
        "inclu\u{200b}de:x.org",
        "a\tmx",
    ] {
        let found = parse(&format!("v=spf1 {text} -all"));
        // A modifier that receivers do not know is none of theirs (section 6).
        let is_unknown_modifier = ["include=x.org", "v=spf1;"].contains(&text);
        assert_eq!(found.is_ok(), is_unknown_modifier, "{text}: {found:?}");
        assert!(found.is_ok() || found.unwrap_err().term == text, "{text}");
    }
    for twice in ["redirect=x.org redirect=y.org", "exp=x.org EXP=x.org"] {
        assert_eq!(parse(&format!("v=spf1 {twice}")).unwrap_err().reason, "stands there for the second time");
    }
    assert!(parse("v=spf1 x=1 x=2").is_ok());
}

#[test]
fn only_the_whole_version_makes_a_record() {
    for (record, expected) in [
        ("v=spf1", true),
        ("V=SPF1 -all", true),
        ("v=spf1 ", true),
        ("v=spf10 -all", false),
        ("v=spf1;-all", false),
        (" v=spf1 -all", false),
        ("\"v=spf1 -all\"", false),
        ("spf1 -all", false),
        ("", false),
    ] {
        assert_eq!(is_spf(record), expected, "{record}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(record in "(?s:v=spf1 (.|[-+~?:/=% a-z0-9{}.])*)") {
        if let Err(error) = parse(&record) {
            prop_assert!(record.contains(&error.term));
        }
    }
}
