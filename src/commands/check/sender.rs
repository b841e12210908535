//! Whether receivers can tell that mails are yours: what DNS says of the domains that mails name. Each kind of record is left to a file
//! below. What DNS does not say, above all which addresses the relay sends from and how it signs, only a test mail shows.

mod dkim;
mod dmarc;
mod domains;
mod mailboxes;
mod report;
mod spf;
mod tags;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::commands::check::finding::Finding;
use crate::commands::check::sender::dmarc::Domains;
use crate::commands::check::sender::domains::{domain_of, is_literal, is_public, provider};
use crate::commands::check::sender::report::{Report, shown};
use crate::config::email::{EmailConfig, Route};
use crate::dns::{Dns, DnsError, Resolver};

/// The port of DNS.
const PORT: u16 = 53;

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskDns {
    /// No server.
    Never,
    /// The servers of `/etc/resolv.conf`, about names that are public.
    System,
    /// This server, about all names.
    Server(SocketAddr),
}

/// Reads `ADDRESS` or `ADDRESS:PORT`.
///
/// # Errors
/// What was expected.
pub fn parse_server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an IP address such as 9.9.9.9, or 127.0.0.1:5353 with a port".to_owned())
}

/// Looks the domains of the sender up. A DNS that does not answer fails nothing: mails may leave through a relay that has another one.
pub fn check(email: &EmailConfig, ask: AskDns) -> Finding {
    let server = match ask {
        AskDns::Never => return Finding::skipped("--offline: DNS is not asked"),
        AskDns::System => None,
        AskDns::Server(address) => Some(address),
    };
    let sender = Sender::of(email, ask);
    if sender.is_empty() {
        let domain = &sender.from;
        return Finding::skipped(format!(
            "FROM_EMAIL is at {domain}, a name that is never in the public DNS (RFC 2606, RFC 6761)"
        ));
    }
    Resolver::new(server).map_or_else(Finding::skipped, |dns| sender.look(&dns))
}

/// One kind of records: adds to the report, and to what is not known.
type Part<'a> = fn(&Sender<'a>, &dyn Dns, &mut Report, &mut Unknown);

/// The domains of a mail.
struct Sender<'a> {
    email: &'a EmailConfig,
    ask: AskDns,
    from: String,
    envelope: String,
    /// The variable with the address of the envelope.
    envelope_variable: &'static str,
}

impl<'a> Sender<'a> {
    fn of(email: &'a EmailConfig, ask: AskDns) -> Self {
        let envelope_variable = if email.bounce_address.is_some() { "BOUNCE_ADDRESS" } else { "FROM_EMAIL" };
        Self {
            email,
            ask,
            from: domain_of(&email.from_email),
            envelope: domain_of(email.return_address()),
            envelope_variable,
        }
    }

    /// Whether there is nothing to look up.
    fn is_empty(&self) -> bool {
        let keys = self.email.dkim.as_ref().map(|dkim| dkim.domain.clone());
        let host = self.page_host();
        let mut names = self.mailboxes().into_keys().chain(keys).chain(host);
        !is_literal(&self.from) && !names.any(|name| self.is_asked(&name))
    }

    /// Whether a name is one to look up.
    fn is_asked(&self, name: &str) -> bool {
        !is_literal(name) && (is_public(name) || matches!(self.ask, AskDns::Server(_)))
    }

    /// Where mail arrives: domains, each with the variables that have addresses there.
    fn mailboxes(&self) -> BTreeMap<String, Vec<&'static str>> {
        let EmailConfig { from_email, reply_to, bounce_address, .. } = self.email;
        let addresses = [
            ("FROM_EMAIL", Some(from_email)),
            ("REPLY_TO", reply_to.as_ref()),
            ("BOUNCE_ADDRESS", bounce_address.as_ref()),
        ];
        let mut by_domain: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for (variable, address) in addresses {
            if let Some(address) = address {
                by_domain.entry(domain_of(address)).or_default().push(variable);
            }
        }
        by_domain
    }

    /// The host of the page that unsubscribes.
    fn page_host(&self) -> Option<String> {
        self.email.unsubscribe.as_ref().and_then(|unsubscribe| unsubscribe.url.host())
    }

    /// Whether the relay belongs to the mail provider whose domain this is; `None` if it is no such domain.
    fn provider(&self, domain: &str) -> Option<bool> {
        let relay = match &self.email.route {
            Route::Smtp(relay) => Some(relay.host.as_str()),
            Route::Dummy { .. } => None,
        };
        provider(domain, relay)
    }

    fn look(&self, dns: &dyn Dns) -> Finding {
        let mut report = Report::default();
        let mut unknown = Unknown::default();
        let parts: [Part<'a>; 5] = [
            Self::look_at_mailboxes,
            Self::look_at_spf,
            Self::look_at_dkim,
            Self::look_at_dmarc,
            Self::look_at_page,
        ];
        for part in parts {
            part(self, dns, &mut report, &mut unknown);
            if let Some(reason) = &unknown.no_server {
                return Finding::skipped(format!(
                    "no DNS server answers ({reason}), so nothing is known of the sender's domains; leave this check out with --offline, or name a \
                     server with --name-server ADDRESS"
                ));
            }
        }
        report.notes.extend(unknown.into_notes());
        report.into_finding()
    }

    fn look_at_mailboxes(&self, dns: &dyn Dns, report: &mut Report, unknown: &mut Unknown) {
        for (domain, variables) in self.mailboxes() {
            let variables = variables.join(" and ");
            if is_literal(&domain) {
                report.problems.push(format!(
                    "{variables} is at {domain}: an address without a domain has neither SPF nor DMARC, and receivers refuse it; use a domain of \
                     yours"
                ));
            } else if !self.is_asked(&domain) {
                report.notes.push(format!(
                    "{variables} is at {domain}, a name that is never in the public DNS, so answers and mails that come back reach nobody"
                ));
            } else if self.provider(&domain).is_none() {
                unknown.tell(mailboxes::check(&domain, &variables, dns, report));
            }
        }
    }

    fn look_at_spf(&self, dns: &dyn Dns, report: &mut Report, unknown: &mut Unknown) {
        if self.is_asked(&self.envelope) && self.provider(&self.envelope).is_none() {
            unknown.tell(spf::check(&self.envelope, self.envelope_variable, dns, report));
        }
    }

    fn look_at_dkim(&self, dns: &dyn Dns, report: &mut Report, unknown: &mut Unknown) {
        let Some(dkim) = &self.email.dkim else {
            report.facts.push("signing is left to the relay".to_owned());
            return;
        };
        if self.is_asked(&dkim.domain) {
            for key in &dkim.keys {
                unknown.tell(dkim::check(dkim, key, dns, report));
            }
        }
    }

    fn look_at_dmarc(&self, dns: &dyn Dns, report: &mut Report, unknown: &mut Unknown) {
        let from = self.from.as_str();
        if !self.is_asked(from) {
            return;
        }
        match self.provider(from) {
            None => {
                let signed_by = self.email.dkim.as_ref().map(|dkim| dkim.domain.as_str());
                let domains = Domains { from, envelope: &self.envelope, signed_by };
                unknown.tell(dmarc::check(&domains, dns, report));
            }
            Some(true) => report.facts.push(format!("{from} sends its own mails")),
            Some(false) => {
                let policy = dmarc::policy_of(from, dns);
                let action = policy.as_ref().ok().and_then(|policy| policy.action.clone());
                let told =
                    action.map(|action| format!(" (its DMARC policy is {action})")).unwrap_or_default();
                report.notes.push(format!(
                    "FROM_EMAIL is at {from}, which belongs to a mail provider{told}: what other servers send with it fails DMARC, and is \
                     refused or among spam; send from a domain of your own"
                ));
                unknown.tell(policy.map(|_| ()));
            }
        }
    }

    fn look_at_page(&self, dns: &dyn Dns, report: &mut Report, unknown: &mut Unknown) {
        let Some(host) = self.page_host().filter(|host| self.is_asked(host)) else { return };
        match dns.addresses(&host) {
            Ok(addresses) if addresses.found.is_empty() => report.problems.push(format!(
                "{host} of UNSUBSCRIBE_URL has no address in DNS, so nobody can unsubscribe; correct it, or publish an A or AAAA record"
            )),
            Ok(_) => {}
            Err(error) => unknown.tell(Err(error)),
        }
    }
}

/// What could not be looked up, by the reason: one server that refuses everything is one cause.
#[derive(Default)]
struct Unknown {
    no_server: Option<String>,
    by_reason: BTreeMap<String, Vec<String>>,
    is_out_of_time: bool,
}

impl Unknown {
    fn tell(&mut self, result: Result<(), DnsError>) {
        match result {
            Ok(()) => {}
            Err(DnsError::NoServer { reason }) => self.no_server = Some(reason),
            Err(DnsError::OutOfTime) => self.is_out_of_time = true,
            Err(DnsError::Name { name, reason }) => {
                let names = self.by_reason.entry(reason).or_default();
                let name = shown(&name);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }

    fn into_notes(self) -> impl Iterator<Item = String> {
        let names = self.by_reason.into_iter().map(|(reason, names)| {
            format!(
                "DNS does not tell what it has for {}: {reason}; what depends on it is not checked",
                names.join(", ")
            )
        });
        let late = self
            .is_out_of_time
            .then(|| format!("DNS is slow: {}; what is missing here is not checked", DnsError::OutOfTime));
        names.chain(late)
    }
}

#[cfg(test)]
mod tests;
