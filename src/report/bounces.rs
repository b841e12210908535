//! What there is to say about mails that came back: those whose reason is ours, and those whose codes are not.

use std::time::Duration;

use crate::domain::bounce_result::BounceResult;
use crate::store::ledger::bounce_counts::BounceCount;
use crate::text::count::count;

/// What is longer ago is over.
const RECENT: Duration = Duration::from_secs(86_400);

/// One line for each thing, none if all is well.
#[must_use]
pub fn advice(counts: &[BounceCount]) -> Vec<String> {
    let recent =
        |wanted: BounceResult| counts.iter().find(|count| count.result == wanted && count.last_ago < RECENT);
    let infrastructure = recent(BounceResult::Infrastructure).map(|of| {
        format!(
            "{} came back because of policy or reputation, the last one less than a day ago: {}. Look at SPF, DKIM and DMARC, at blocklists, and \
             at what the receiving system says. No address is suppressed for this",
            count(of.number, "mail"),
            of.last_detail.as_deref().unwrap_or("no reason is recorded")
        )
    });
    let forged = recent(BounceResult::Forged).map(|of| {
        format!(
            "{} to BOUNCE_ADDRESS had a code that is not of this database, the last one less than a day ago, and changed nothing: another \
             installation has the same BOUNCE_ADDRESS, the database is a new one, or somebody tries to forge bounces",
            count(of.number, "mail")
        )
    });
    infrastructure.into_iter().chain(forged).collect()
}

/// The numbers in one sentence.
#[must_use]
pub fn summary(counts: &[BounceCount]) -> String {
    let each: Vec<String> = counts.iter().map(|of| format!("{} {}", of.number, of.result.as_str())).collect();
    if each.is_empty() { "none came back yet".to_owned() } else { format!("so far: {}", each.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recent_and_not_about_addresses_is_told() {
        let of = |result, hours: u64| BounceCount {
            result,
            number: 3,
            last_ago: Duration::from_secs(hours * 3600),
            last_detail: Some("5.7.1: blocked".to_owned()),
        };
        assert!(advice(&[]).is_empty() && advice(&[of(BounceResult::Bounced, 1)]).is_empty());
        assert!(advice(&[of(BounceResult::Infrastructure, 25), of(BounceResult::Forged, 25)]).is_empty());
        let told = advice(&[of(BounceResult::Forged, 1), of(BounceResult::Infrastructure, 1)]);
        assert_eq!(told.len(), 2);
        assert!(
            told[0].starts_with("3 mails came back because of policy") && told[0].contains("5.7.1: blocked")
        );
        assert!(told[1].starts_with("3 mails to BOUNCE_ADDRESS had a code that is not of this database"));
        assert_eq!(summary(&[]), "none came back yet");
        assert_eq!(summary(&[of(BounceResult::Bounced, 1)]), "so far: 3 bounced");
    }
}
