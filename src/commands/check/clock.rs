//! Whether the clock of the database is that of this machine.

use chrono::{NaiveDateTime, TimeDelta, Utc};

use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::parts::Parts;
use crate::config::database::Backend;

/// A difference up to this is none: the answer takes time, and times are rounded.
const NONE: TimeDelta = TimeDelta::seconds(5);

/// Compares the clocks. Leases and deferred mails go by that of the database, log lines and the dates of mails by ours.
///
/// # Errors
/// When the database does not answer.
pub fn check(parts: &Parts<'_>) -> Result<Finding, String> {
    if matches!(parts.config.database.backend, Backend::Sqlite(_)) {
        return Ok(Finding::skipped("a SQLite file goes by the clock of this machine"));
    }
    let store = match parts.store() {
        Ok(store) => store,
        Err(finding) => return Ok(finding),
    };
    let before = Utc::now().naive_utc();
    let clock = store.clock().map_err(with_causes)?;
    Ok(compare(before, clock, Utc::now().naive_utc()))
}

/// The clock of the database was read between two looks at ours.
fn compare(before: NaiveDateTime, clock: NaiveDateTime, after: NaiveDateTime) -> Finding {
    let (ahead, behind) = (clock - after, before - clock);
    let difference = ahead.max(behind);
    if difference <= NONE {
        return Finding::works("the clocks of this machine and of the database agree");
    }
    let word = if ahead > behind { "ahead of" } else { "behind" };
    let seconds = difference.num_seconds();
    Finding::works("the clock of the database can be read").with_warnings([format!(
        "the clock of the database is {seconds} s {word} that of this machine, so times in the log, in mails and in the database differ; set \
         both by NTP (chrony, systemd-timesyncd)"
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_some_seconds_is_told() {
        let time = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        let (before, after) = (time("2026-11-27T09:00:00"), time("2026-11-27T09:00:08"));
        for (clock, told) in [
            ("2026-11-27T09:00:04", None),
            ("2026-11-27T08:59:55", None),
            ("2026-11-27T09:00:13", None),
            ("2026-11-27T08:59:50", Some("is 10 s behind that")),
            ("2026-11-27T10:00:08", Some("is 3600 s ahead of that")),
        ] {
            let json = compare(before, time(clock), after).to_json("clock").to_string();
            assert_eq!(json.contains("warning\","), told.is_some(), "{clock}: {json}");
            assert!(told.is_none_or(|told| json.contains(told)), "{clock}: {json}");
        }
    }
}
