//! DMARC (RFC 7489): the policy of the domain in `From:`, whether its reports arrive, and whether the domains of the envelope and of the
//! signatures count for it (alignment).

use crate::commands::check::sender::domains::is_one_organisation;
use crate::commands::check::sender::report::{Report, publish, shown};
use crate::commands::check::sender::tags::{value, word};
use crate::dns::{Dns, DnsError};

/// Most names that are asked for a policy, from the domain upwards.
const STEPS_MAX: usize = 8;

/// Most addresses for reports that are looked at.
const REPORTS_MAX: usize = 3;

/// The domains of a mail.
pub(super) struct Domains<'a> {
    /// In `From:`.
    pub from: &'a str,
    /// In the envelope.
    pub envelope: &'a str,
    /// That of fanmail's signatures; `None`: the relay signs, or no program does.
    pub signed_by: Option<&'a str>,
}

/// What a domain wants of receivers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// `none`, `quarantine` or `reject`; `None` if there is no record that receivers use.
    pub action: Option<String>,
    /// `adkim=s`.
    is_dkim_strict: bool,
    /// `aspf=s`.
    is_spf_strict: bool,
}

/// Looks the policy up, at the domain of `From:` itself and then above it, and what follows from it for these domains.
pub(super) fn check(domains: &Domains<'_>, dns: &dyn Dns, report: &mut Report) -> Result<(), DnsError> {
    let policy = look_up(domains.from, dns, report)?;
    tell_alignment(domains, &policy, report);
    Ok(())
}

/// The policy alone, as receivers find it.
pub(super) fn policy_of(domain: &str, dns: &dyn Dns) -> Result<Policy, DnsError> {
    Ok(match find(domain, dns)? {
        Some((holder, records)) if records.len() == 1 => Policy::read(&records[0], holder == domain),
        _ => Policy::default(),
    })
}

fn look_up(domain: &str, dns: &dyn Dns, report: &mut Report) -> Result<Policy, DnsError> {
    let Some((holder, records)) = find(domain, dns)? else {
        note_missing(domain, dns, report)?;
        return Ok(Policy::default());
    };
    let [record] = &records[..] else {
        report.problems.push(format!(
            "_dmarc.{holder} has {} DMARC records, so receivers use none (RFC 7489 section 6.6.3); remove all but one",
            records.len()
        ));
        return Ok(Policy::default());
    };
    let policy = Policy::read(record, holder == domain);
    let Some(action) = &policy.action else {
        report.problems.push(format!(
            "the DMARC record of _dmarc.{holder} has no policy that is known (p=none, quarantine or reject), so receivers use none: {}; \
             correct it",
            shown(record)
        ));
        return Ok(policy);
    };
    let at = if holder == domain { String::new() } else { format!(" of {holder}") };
    report.facts.push(format!("DMARC policy{at} is {action}"));
    check_reports(holder, record, dns, report)?;
    Ok(policy)
}

fn note_missing(domain: &str, dns: &dyn Dns, report: &mut Report) -> Result<(), DnsError> {
    let records = dns.texts(&format!("_dmarc.{domain}"))?.found;
    let similar = records.iter().find(|record| record.to_ascii_lowercase().contains("dmarc"));
    let why = similar.map_or_else(
        || "has no DMARC record, which Gmail, Yahoo and Microsoft want of bulk senders".to_owned(),
        |record| {
            format!(
                "has the TXT record {} at _dmarc, which is none of DMARC: that begins with v=DMARC1;",
                shown(record)
            )
        },
    );
    report.notes.push(format!(
        "{domain} of FROM_EMAIL {why}; publish, with a mailbox of yours for reports:\n{}",
        publish(&format!("_dmarc.{domain}"), &format!("v=DMARC1; p=none; rua=mailto:dmarc@{domain}"))
    ));
    Ok(())
}

/// The DMARC records of the domain, or of the nearest one above it that has any, with that domain. Receivers ask the domain and that of its
/// organisation; without the list of public suffixes, all between them are asked, too. A name of one label has none.
fn find<'a>(domain: &'a str, dns: &dyn Dns) -> Result<Option<(&'a str, Vec<String>)>, DnsError> {
    let mut at = domain;
    for _ in 0..STEPS_MAX {
        if !at.contains('.') {
            break;
        }
        let mut records = dns.texts(&format!("_dmarc.{at}"))?.found;
        records.retain(|record| is_dmarc(record));
        // That of a registry (RFC 9091) is for names that are not registered.
        if !records.is_empty() && (at == domain || word(&records[0], "psd").as_deref() != Some("y")) {
            return Ok(Some((at, records)));
        }
        at = at.split_once('.').map_or("", |(_, above)| above);
    }
    Ok(None)
}

/// The version comes first, and has one spelling (RFC 7489 section 6.3).
fn is_dmarc(record: &str) -> bool {
    record.trim_start().starts_with('v') && value(record, "v").as_deref() == Some("DMARC1")
}

impl Policy {
    /// `is_own`: the record is at the domain itself, and not above it.
    fn read(record: &str, is_own: bool) -> Self {
        let whole = || word(record, "p");
        let action = if is_own { whole() } else { word(record, "sp").or_else(whole) };
        let is_strict = |tag| word(record, tag).as_deref() == Some("s");
        Self {
            action: action.filter(|action| ["none", "quarantine", "reject"].contains(&action.as_str())),
            is_dkim_strict: is_strict("adkim"),
            is_spf_strict: is_strict("aspf"),
        }
    }
}

/// Whether the reports of receivers arrive somewhere. Another organisation has to agree to get them (section 7.1).
fn check_reports(holder: &str, record: &str, dns: &dyn Dns, report: &mut Report) -> Result<(), DnsError> {
    let Some(addresses) = value(record, "rua").filter(|addresses| !addresses.is_empty()) else {
        report.notes.push(format!(
            "the DMARC record of _dmarc.{holder} names no mailbox for reports (rua=), so nobody hears who else sends as {holder}; add \
             rua=mailto: and the address of a mailbox of yours"
        ));
        return Ok(());
    };
    for address in addresses.split(',').take(REPORTS_MAX) {
        let mailbox =
            address.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto:"));
        let domain = mailbox.and_then(|(_, mailbox)| mailbox.split('!').next()?.rsplit_once('@'));
        let Some((_, domain)) = domain else {
            report.notes.push(format!(
                "the DMARC record of _dmarc.{holder} wants reports at {}, which is no mail address; write rua=mailto: and the address",
                shown(address)
            ));
            continue;
        };
        let domain = domain.to_ascii_lowercase();
        if is_one_organisation(holder, &domain) {
            continue;
        }
        let name = format!("{holder}._report._dmarc.{domain}");
        if !dns.texts(&name)?.found.iter().any(|record| is_dmarc(record)) {
            report.notes.push(format!(
                "the DMARC record of _dmarc.{holder} wants reports at {}, but that domain has not agreed to get them (RFC 7489 section 7.1), so \
                 receivers send none; have it publish, or take that address out:\n{}",
                shown(address),
                publish(&name, "v=DMARC1;")
            ));
        }
    }
    Ok(())
}

/// DMARC passes if one of the two counts. What the relay signs, only a mail shows.
fn tell_alignment(domains: &Domains<'_>, policy: &Policy, report: &mut Report) {
    let from = domains.from;
    let counts =
        |other: &str, is_strict| if is_strict { other == from } else { is_one_organisation(other, from) };
    let wants = |tag, is_strict| {
        if is_strict { format!("exactly that domain ({tag}=s)") } else { "the same organisation".to_owned() }
    };
    let spf = (!counts(domains.envelope, policy.is_spf_strict)).then(|| {
        let wanted = wants("aspf", policy.is_spf_strict);
        format!(
            "BOUNCE_ADDRESS is at {}, so SPF does not count for DMARC, which wants {wanted}",
            domains.envelope
        )
    });
    let cure = format!("set BOUNCE_ADDRESS to one at {from}");
    let dkim = domains.signed_by.filter(|signed_by| !counts(signed_by, policy.is_dkim_strict)).map(|signed_by| {
        let wanted = wants("adkim", policy.is_dkim_strict);
        format!("DKIM_DOMAIN is {signed_by}, so the signatures of fanmail do not count for DMARC, which wants {wanted}")
    });
    match (spf, dkim) {
        (None, None) => {}
        (None, Some(dkim)) => {
            report.notes.push(format!(
                "FROM_EMAIL is at {from}, but {dkim}; only SPF is left; set DKIM_DOMAIN={from}"
            ));
        }
        (Some(spf), None) => {
            let left = if domains.signed_by.is_some() {
                "only the signatures are left"
            } else {
                "only a signature of the relay for that domain is left"
            };
            report.notes.push(format!("FROM_EMAIL is at {from}, but {spf}; {left}; {cure}"));
        }
        (Some(spf), Some(dkim)) => {
            let told = format!(
                "FROM_EMAIL is at {from}, but {spf}, and {dkim}: DMARC fails, unless the relay signs; {cure}, or DKIM_DOMAIN={from}"
            );
            let is_enforced = policy.action.as_deref().is_some_and(|action| action != "none");
            if is_enforced { report.problems.push(told) } else { report.notes.push(told) }
        }
    }
}
