//! `LOG_ROTATE` and `LOG_KEEP`.

use crate::config::log::rotation::{LogRotation, RotateWhen};

use super::*;

fn rotation(text: &str) -> Option<LogRotation> {
    read(text).unwrap().log.rotation
}

#[test]
fn a_log_is_rotated_daily_by_size_or_never() {
    for off in ["", "LOG_ROTATE=\nLOG_KEEP=3", "LOG_ROTATE=off", "LOG_ROTATE=OFF"] {
        assert_eq!(rotation(off), None, "{off}");
    }
    for (value, when) in [
        ("daily", RotateWhen::Daily),
        ("Daily", RotateWhen::Daily),
        ("50MB", RotateWhen::Size(50_000_000)),
        ("50 mb", RotateWhen::Size(50_000_000)),
        ("1k", RotateWhen::Size(1_000)),
        ("2GiB", RotateWhen::Size(2_147_483_648)),
        ("1000GB", RotateWhen::Size(1_000_000_000_000)),
    ] {
        let expected = LogRotation { when, keep: 14 };
        assert_eq!(rotation(&format!("LOG_ROTATE=\"{value}\"")), Some(expected), "{value}");
    }
    assert_eq!(rotation("LOG_ROTATE=daily\nLOG_KEEP=3").unwrap().keep, 3);
}

#[test]
fn other_words_and_sizes_are_refused_with_what_would_be_right() {
    let values = [
        "hourly",
        "weekly",
        "50",
        "MB",
        "-5MB",
        "1.5GB",
        "0MB",
        "999b",
        "0.5KB",
        "1001GB",
        "99999999999999GB",
        "5MB daily",
    ];
    for value in values {
        assert_eq!(
            problems(&format!("LOG_ROTATE=\"{value}\"")),
            format!(
                "LOG_ROTATE is {value:?}; expected off, daily, or a size with its unit from 1KB to 1000GB, such as 50MB"
            )
        );
    }
    for keep in ["0", "-1", "all"] {
        assert_eq!(
            problems(&format!("LOG_KEEP={keep}")),
            format!("LOG_KEEP is {keep:?}; expected a whole number from 1 to 10000")
        );
    }
}
