//! `SMTP_RATE` and its second name.

use super::*;

fn interval(text: &str) -> Option<Duration> {
    read(text).unwrap().email.rate.map(Rate::interval)
}

#[test]
fn both_names_mean_the_same() {
    assert_eq!(interval(""), None);
    assert_eq!(interval("SMTP_RATE=30/min"), Some(Duration::from_secs(2)));
    assert_eq!(interval("SMTP_RATE_PER_SECOND=14"), interval("SMTP_RATE=14/s"));
    assert_eq!(interval("SMTP_RATE=14/s\nSMTP_RATE_PER_SECOND=14"), interval("SMTP_RATE=14/s"));
    assert_eq!(
        problems("SMTP_RATE=14/s\nSMTP_RATE_PER_SECOND=20"),
        "SMTP_RATE_PER_SECOND and SMTP_RATE are two names of one setting, but have different values; remove one"
    );
}

#[test]
fn a_rate_of_nothing_or_without_a_time_is_refused_with_what_would_be_right() {
    for value in ["0/s", "14"] {
        assert_eq!(
            problems(&format!("SMTP_RATE={value}")),
            format!(
                "SMTP_RATE is {value:?}; expected a whole number of mails, 1 or more, and the time: 14/s, 30/min or \
                 1000/h; remove it for no limit"
            )
        );
    }
    assert!(problems("SMTP_RATE_PER_SECOND=0").contains("expected a whole number from 1 to 1000000"));
}
