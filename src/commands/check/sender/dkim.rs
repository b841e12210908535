//! The public halves of the DKIM keys: whether DNS has those that belong to the private keys (RFC 6376 section 3.6.1).

use crate::commands::check::sender::report::{Report, publish, shown};
use crate::commands::check::sender::tags::{value, word};
use crate::config::email::dkim::{DkimConfig, DkimKey};
use crate::dns::{Dns, DnsError};

/// Compares the record of a selector with its key.
pub(super) fn check(
    dkim: &DkimConfig,
    key: &DkimKey,
    dns: &dyn Dns,
    report: &mut Report,
) -> Result<(), DnsError> {
    let name = key.name(&dkim.domain);
    let records = dns.texts(&name)?.found;
    let cure = format!("publish:\n{}", publish(&name, &key.record));
    let record = match &records[..] {
        [] => {
            report.notes.push(format!(
                "{name} is not in DNS, so no receiver can verify the signatures of fanmail; {cure}"
            ));
            return Ok(());
        }
        [record] => record,
        _ => {
            report.problems.push(format!(
                "{name} has {} TXT records, and receivers may take any of them (RFC 6376 section 3.6.2.2); remove all but one, which is:\n{}",
                records.len(),
                publish(&name, &key.record)
            ));
            return Ok(());
        }
    };
    if let Some(problem) = problem(key, record) {
        report.problems.push(format!("{name} {problem}; {cure}"));
        return Ok(());
    }
    report.facts.push(format!("DKIM key {} is published", key.selector));
    let is_test = value(record, "t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y"));
    report.notes.extend(is_test.then(|| {
        format!(
            "{name} says that the key is a test (t=y), so some receivers ignore its signatures; take t=y out"
        )
    }));
    Ok(())
}

/// What is wrong with this record, for this key.
fn problem(key: &DkimKey, record: &str) -> Option<String> {
    if value(record, "v").is_some_and(|version| version != "DKIM1") {
        return Some(format!("has the TXT record {}, which is none of DKIM", shown(record)));
    }
    let Some(published) = value(record, "p") else {
        return Some(format!("has the TXT record {}, in which the key (p=) is missing", shown(record)));
    };
    if published.is_empty() {
        return Some(
            "says that the key is revoked (p= is empty), so its signatures are wrong to every receiver"
                .to_owned(),
        );
    }
    let type_of = |record| word(record, "k").unwrap_or_else(|| "rsa".to_owned());
    let (found, wanted) = (type_of(record), type_of(&key.record));
    if found != wanted {
        return Some(format!(
            "has a key of the type {}, but the private key is one of {wanted}",
            shown(&found)
        ));
    }
    if !key.has_public_half(&published) {
        let why = "has another key than the one that fanmail signs with, so its signatures are wrong to every receiver";
        return Some(why.to_owned());
    }
    let lacks = |name, wanted: &[&str]| {
        word(record, name).filter(|list| !list.split(':').any(|found| wanted.contains(&found)))
    };
    if let Some(hashes) = lacks("h", &["sha256"]) {
        return Some(format!(
            "allows the hashes {} only (h=), but fanmail signs with sha256",
            shown(&hashes)
        ));
    }
    lacks("s", &["*", "email"])
        .map(|services| format!("is for {} only, not for mails (s=)", shown(&services)))
}
