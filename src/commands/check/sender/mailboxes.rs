//! Whether mail to the sender's addresses can arrive: answers, and mails that come back (RFC 5321 section 5, RFC 7505).

use crate::commands::check::sender::report::{Report, shown};
use crate::dns::{Dns, DnsError};

/// Most mail exchangers whose addresses are looked up.
const EXCHANGES_MAX: usize = 5;

/// Looks up where mail to `domain` goes. `variables`: those whose addresses have it, such as `FROM_EMAIL and REPLY_TO`.
pub(super) fn check(
    domain: &str,
    variables: &str,
    dns: &dyn Dns,
    report: &mut Report,
) -> Result<(), DnsError> {
    let exchanges = dns.exchanges(domain)?;
    if exchanges.found.iter().any(String::is_empty) {
        report.problems.push(format!(
            "{domain} of {variables} says that it takes no mail (MX \".\", RFC 7505), so receivers refuse such a sender and answers reach \
             nobody; publish another MX record, or use another domain"
        ));
    } else if !exchanges.found.is_empty() {
        return exchangers(domain, variables, &exchanges.found, dns, report);
    } else if !exchanges.name_exists {
        report.problems.push(format!(
            "{domain} of {variables} is not in DNS, so receivers refuse such a sender and answers reach nobody; correct the address"
        ));
    } else if dns.addresses(domain)?.found.is_empty() {
        report.problems.push(format!(
            "{domain} of {variables} has neither MX nor an address in DNS, so receivers refuse such a sender and answers reach nobody; publish \
             an MX record that names your mail server, or use another domain"
        ));
    } else {
        report.notes.push(format!(
            "{domain} of {variables} has no MX record, so answers and mails that come back go to its address in DNS (RFC 5321 section 5.1); if \
             no mail server listens there, publish an MX record that names yours"
        ));
    }
    Ok(())
}

/// One of them has to have an address; a name that is none, such as an IP address, has none.
fn exchangers(
    domain: &str,
    variables: &str,
    exchanges: &[String],
    dns: &dyn Dns,
    report: &mut Report,
) -> Result<(), DnsError> {
    for exchange in exchanges.iter().take(EXCHANGES_MAX) {
        if !dns.addresses(exchange)?.found.is_empty() {
            report.facts.push(format!("{domain} takes mail"));
            return Ok(());
        }
    }
    let names: Vec<String> = exchanges.iter().take(EXCHANGES_MAX).map(|exchange| shown(exchange)).collect();
    report.problems.push(format!(
        "{domain} of {variables} has the MX {}, which has no address in DNS, so answers and mails that come back reach nobody; correct the MX \
         record: it has the name of a mail server, not an IP address",
        names.join(", ")
    ));
    Ok(())
}
