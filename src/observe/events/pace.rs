//! The relay throttles, or does not any more.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::observe::health::{Monitor, Part};

/// How fast the relay takes mails.
#[derive(Debug, Clone, Copy)]
pub struct PaceLimit<'a> {
    /// Mails per second.
    pub rate: f64,
    /// While the relay takes no mail: time until the next one is tried.
    pub paused: Option<Duration>,
    /// What the relay said last.
    pub detail: &'a str,
}

impl PaceLimit<'_> {
    /// For health and `status`. A pause has its time of day, because it may be read some time later.
    fn describe(&self, now: DateTime<Utc>) -> String {
        let pace = match self.paused {
            Some(paused) if paused >= Duration::from_secs(2) => {
                format!("the next mail is tried at {}", (now + paused).format("%H:%M:%SZ"))
            }
            _ => format!("{} at the moment", per_time(self.rate)),
        };
        format!("asks for fewer mails: {pace}; nothing is lost; it said: {}", self.detail)
    }
}

/// The relay throttled a mail, and had not done so for a while.
pub fn slower(detail: &str) {
    log::warn!(
        detail = detail;
        "the relay asks for fewer mails: {detail}; sending is slower from now on, and gets faster while the relay \
         accepts it; nothing is lost. See the pace with: fanmail status"
    );
}

/// The relay has not throttled a mail for a while.
pub fn as_fast_as_before() {
    log::info!("the relay does not ask for fewer mails any more; sending is as fast as before");
}

/// The relay has throttled every mail for `lasted`. `told_lately`: the log has said so in the last ten minutes.
pub fn accepts_none(monitor: &Monitor, lasted: Duration, detail: &str, told_lately: bool) {
    let minutes = lasted.as_secs() / 60;
    let problem = format!(
        "has accepted no mail for {minutes} minutes, and asks for fewer each time; one mail is tried from time to time; \
         nothing is lost. Perhaps a quota is used up, or it does not like the name in EHLO (SMTP_HELO_NAME); it said: {detail}"
    );
    if !told_lately {
        let waiting = monitor.fan_outs.describe_waiting();
        let waiting = waiting.map_or(String::new(), |mails| format!("; {mails} wait"));
        log::warn!(
            detail = detail, seconds = lasted.as_secs(), waiting_mails = monitor.fan_outs.waiting_mails();
            "the relay {problem}{waiting}"
        );
    }
    monitor.health.set_problem(Part::Relay, problem);
}

/// The relay has accepted a mail after a long time in which it throttled each.
pub fn accepts_again(monitor: &Monitor) {
    monitor.health.clear_problem(Part::Relay);
    log::info!("the relay accepts mails again");
}

/// The pace changed; `None` when the relay asks for nothing.
pub fn changed(monitor: &Monitor, limit: Option<&PaceLimit<'_>>) {
    monitor.metrics.pace_per_second.set(limit.map_or(0.0, |limit| limit.rate));
    match limit {
        Some(limit) => monitor.health.set_note(Part::Relay, limit.describe(Utc::now())),
        None => monitor.health.clear_note(Part::Relay),
    }
}

/// `48 a second`, `29 a minute`, `20 an hour`.
pub(super) fn per_time(per_second: f64) -> String {
    let per_minute = per_second * 60.0;
    if per_second >= 9.5 {
        format!("{per_second:.0} a second")
    } else if per_minute >= 9.5 {
        format!("{per_minute:.0} a minute")
    } else {
        format!("{:.0} an hour", per_minute * 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_described_in_the_unit_of_its_size() {
        let texts = [48.4, 9.4, 0.49, 0.05].map(per_time);
        assert_eq!(texts, ["48 a second", "564 a minute", "29 a minute", "180 an hour"]);
    }

    #[test]
    fn a_long_pause_is_described_with_its_end() {
        let now = DateTime::from_timestamp(1_800_000_060, 0).unwrap();
        let limit = PaceLimit { rate: 48.4, paused: None, detail: "454 Throttling failure" };
        assert_eq!(
            limit.describe(now),
            "asks for fewer mails: 48 a second at the moment; nothing is lost; it said: 454 Throttling failure"
        );
        let paused = PaceLimit { paused: Some(Duration::from_secs(30)), ..limit };
        assert!(paused.describe(now).contains("the next mail is tried at 08:01:30Z; nothing is lost;"));
        let short = PaceLimit { paused: Some(Duration::from_millis(100)), ..limit };
        assert_eq!(short.describe(now), limit.describe(now));
    }

    #[test]
    fn metric_and_note_follow_the_pace() {
        let monitor = Monitor::default();
        changed(&monitor, Some(&PaceLimit { rate: 0.5, paused: None, detail: "454" }));
        assert_eq!(monitor.metrics.pace_per_second.get().to_string(), "0.5");
        assert_eq!(
            (monitor.health.problems(), monitor.health.notes()),
            (String::new(), "note: relay: asks for fewer mails: 30 a minute at the moment; nothing is lost; it said: 454\n".to_owned())
        );
        changed(&monitor, None);
        assert_eq!(monitor.metrics.pace_per_second.get().to_string(), "0");
        assert_eq!(monitor.health.notes(), "");
    }
}
