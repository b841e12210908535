//! SPF (RFC 7208) of the domain in the envelope, followed as receivers follow it: how many lookups its record takes, what in it is wrong,
//! and what it says of servers that it does not name. Whether it names the relay is not known here: a relay sends from addresses of its
//! own.

mod record;

use crate::commands::check::sender::report::{Report, publish, shown};
use crate::commands::check::sender::spf::record::{Mechanism, Qualifier, Term, is_spf, parse};
use crate::dns::{Dns, DnsError};
use crate::text::count::count;

/// Receivers give up after so many lookups (RFC 7208 section 4.6.4).
const LOOKUPS_MAX: usize = 10;

/// So many are counted, so that the finding has a number that helps. No record has more by accident.
const LOOKUPS_COUNTED: usize = 30;

/// Receivers should give up after so many lookups that find nothing (section 4.6.4).
const VOIDS_MAX: usize = 2;

/// Most names of one MX record that receivers look up (section 4.6.4).
const EXCHANGES_MAX: usize = 10;

/// Looks the record of `domain` up, with all that it includes. `variable` has the address with this domain.
pub(super) fn check(
    domain: &str,
    variable: &str,
    dns: &dyn Dns,
    report: &mut Report,
) -> Result<(), DnsError> {
    let texts = dns.texts(domain)?.found;
    let mut walk =
        Walk { dns, report, path: Vec::new(), lookups: 0, voids: 0, costs: Vec::new(), is_over: false };
    let Some(rest) = walk.read(domain, &texts)? else {
        if !walk.is_over {
            note_missing(domain, variable, &texts, report);
        }
        return Ok(());
    };
    walk.tell_costs(domain);
    if walk.is_over {
        return Ok(());
    }
    let lookups = walk.lookups;
    match rest {
        Rest::Named(Qualifier::Fail | Qualifier::SoftFail) => {
            report.facts.push(format!("SPF of {domain} takes {lookups} of {LOOKUPS_MAX} lookups"));
        }
        Rest::Named(Qualifier::Pass) => report.problems.push(format!(
            "the SPF record of {domain} lets every server of the Internet send (+all or a network of length 0), so it proves nothing; name your \
             servers, and end it with -all or ~all"
        )),
        Rest::Named(Qualifier::Neutral) | Rest::Nothing => report.notes.push(format!(
            "the SPF record of {domain} says nothing of servers that it does not name; end it with -all or ~all"
        )),
    }
    Ok(())
}

fn note_missing(domain: &str, variable: &str, texts: &[String], report: &mut Report) {
    let similar = texts.iter().find(|text| text.to_ascii_lowercase().contains("spf1"));
    let why = similar.map_or_else(
        || "has no SPF record, which Gmail, Yahoo and Microsoft want of bulk senders".to_owned(),
        |text| {
            format!(
                "has the TXT record {}, which is none of SPF: that begins with v=spf1 and a blank",
                shown(text)
            )
        },
    );
    report.notes.push(format!(
        "{domain} of {variable} {why}; publish one, with what the documentation of your relay names, such as include:_spf.relay.example, or \
         ip4: and the address of a mail server of yours, in the place of SERVERS:\n{}",
        publish(domain, "v=spf1 SERVERS -all")
    ));
}

/// What becomes of servers that a record does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Named(Qualifier),
    /// It does not say.
    Nothing,
}

/// A way through a record and all that it includes.
struct Walk<'a> {
    dns: &'a dyn Dns,
    report: &'a mut Report,
    /// The domains whose records are being read, from the outermost one inwards.
    path: Vec<String>,
    lookups: usize,
    voids: usize,
    /// The terms of the outermost record that take lookups, with their number.
    costs: Vec<(String, usize)>,
    /// Receivers would use nothing of the record, and it is said why.
    is_over: bool,
}

impl Walk<'_> {
    /// Follows the record among the TXT records of a domain; `None` if there is none, or none that can be used.
    fn read(&mut self, domain: &str, texts: &[String]) -> Result<Option<Rest>, DnsError> {
        let records: Vec<&String> = texts.iter().filter(|text| is_spf(text)).collect();
        let record = match records[..] {
            [] => return Ok(None),
            [record] => record,
            _ => {
                let number = records.len();
                let why = format!(
                    "{domain} has {number} SPF records, so receivers use none (RFC 7208 section 4.5); make one of them"
                );
                return Ok(self.end(why));
            }
        };
        let terms = match parse(record) {
            Ok(terms) => terms,
            Err(error) => {
                let (term, reason) = (shown(&error.term), error.reason);
                return Ok(self.end(format!(
                    "the SPF record of {domain} is wrong at {term}, which {reason}: receivers then use nothing of it (RFC 7208 section 4.6); \
                     correct it"
                )));
            }
        };
        self.path.push(domain.to_owned());
        let rest = self.follow(domain, terms)?;
        self.path.pop();
        Ok(rest)
    }

    fn follow(&mut self, domain: &str, terms: Vec<Term>) -> Result<Option<Rest>, DnsError> {
        let mut redirect = None;
        for term in terms {
            let before = self.lookups;
            let label = term.to_string();
            match term {
                Term::Mechanism(qualifier, mechanism) => {
                    if self.decides(domain, qualifier, mechanism)? {
                        return Ok(Some(Rest::Named(qualifier)));
                    }
                }
                Term::Redirect(target) => redirect = Some(target),
                Term::Modifier => {}
            }
            if self.path.len() == 1 && self.lookups > before {
                self.costs.push((label, self.lookups - before));
            }
            if self.is_over {
                return Ok(None);
            }
        }
        let Some(target) = redirect else { return Ok(Some(Rest::Nothing)) };
        let before = self.lookups;
        let rest = self.enter(domain, &target, "redirects to")?;
        if self.path.len() == 1 {
            self.costs.push((format!("redirect={target}"), self.lookups - before));
        }
        Ok(rest)
    }

    /// Whether nothing behind this mechanism is read by any receiver, because it names every server.
    fn decides(
        &mut self,
        domain: &str,
        qualifier: Qualifier,
        mechanism: Mechanism,
    ) -> Result<bool, DnsError> {
        match mechanism {
            Mechanism::All => return Ok(true),
            Mechanism::Network { is_everything } => return Ok(is_everything && qualifier == Qualifier::Pass),
            Mechanism::Include(target) => {
                let included = self.enter(domain, &target, "includes")?;
                return Ok(included == Some(Rest::Named(Qualifier::Pass)) && qualifier == Qualifier::Pass);
            }
            Mechanism::Pointer => {
                self.count(domain);
                self.report.notes.push(format!(
                    "the SPF record of {domain} has ptr, which is slow and which some receivers ignore (RFC 7208 section 5.5); name the \
                     servers with ip4, a or include"
                ));
            }
            Mechanism::Address(target) => self.addresses(domain, target.as_deref().unwrap_or(domain))?,
            Mechanism::Exists(target) => self.addresses(domain, &target)?,
            Mechanism::Exchanges(target) => self.exchanges(domain, target.as_deref().unwrap_or(domain))?,
        }
        Ok(false)
    }

    fn addresses(&mut self, domain: &str, target: &str) -> Result<(), DnsError> {
        if self.count(domain) && is_known(target) && self.dns.addresses(target)?.found.is_empty() {
            self.count_void(domain, target);
        }
        Ok(())
    }

    fn exchanges(&mut self, domain: &str, target: &str) -> Result<(), DnsError> {
        if !self.count(domain) || !is_known(target) {
            return Ok(());
        }
        let number = self.dns.exchanges(target)?.found.len();
        if number == 0 {
            self.count_void(domain, target);
        } else if number > EXCHANGES_MAX {
            self.end(format!(
                "the SPF record of {domain} has mx, but {target} has {number} mail exchangers, and receivers give up after {EXCHANGES_MAX} \
                 (RFC 7208 section 4.6.4); name the servers that send with ip4 or include"
            ));
        }
        Ok(())
    }

    /// Follows the record of another domain, which must have one.
    fn enter(&mut self, domain: &str, target: &str, verb: &str) -> Result<Option<Rest>, DnsError> {
        if !self.count(domain) || !is_known(target) {
            return Ok(Some(Rest::Nothing));
        }
        if self.path.iter().any(|known| known == target) {
            return Ok(self.end(format!(
                "the SPF record of {domain} {verb} {}, which leads back to it: receivers then use nothing of it; take that out",
                shown(target)
            )));
        }
        let texts = self.dns.texts(target)?.found;
        let rest = self.read(target, &texts)?;
        if rest.is_none() && !self.is_over {
            return Ok(self.end(format!(
                "the SPF record of {domain} {verb} {}, which has none: receivers then use nothing of it (RFC 7208 section 5.2); correct the \
                 name, or take it out",
                shown(target)
            )));
        }
        Ok(rest)
    }

    /// Counts a lookup. Whether it is worth asking.
    fn count(&mut self, domain: &str) -> bool {
        self.lookups += 1;
        if self.lookups > LOOKUPS_COUNTED && !self.is_over {
            let outermost = self.path.first().map_or(domain, String::as_str);
            self.end(format!(
                "the SPF record of {outermost} takes more than {LOOKUPS_COUNTED} lookups with all that it includes, and receivers give up after \
                 {LOOKUPS_MAX} (RFC 7208 section 4.6.4); take includes out that you do not need"
            ));
        }
        !self.is_over
    }

    fn count_void(&mut self, domain: &str, target: &str) {
        self.voids += 1;
        if self.voids > VOIDS_MAX {
            self.end(format!(
                "the SPF record of {domain} names {}, which is not in DNS, as more than {} before it: receivers then use nothing of it (RFC 7208 \
                 section 4.6.4); take out what is not there",
                shown(target),
                count(VOIDS_MAX as u64, "other name"),
            ));
        }
    }

    /// Says why receivers would use nothing of the record. Nothing further is said.
    fn end(&mut self, why: String) -> Option<Rest> {
        if !self.is_over {
            self.is_over = true;
            self.report.problems.push(why);
        }
        None
    }

    fn tell_costs(&mut self, domain: &str) {
        if self.lookups > LOOKUPS_MAX && !self.is_over {
            let costs: Vec<String> =
                self.costs.iter().map(|(term, lookups)| format!("{} {lookups}", shown(term))).collect();
            self.end(format!(
                "the SPF record of {domain} takes {} lookups, and receivers give up after {LOOKUPS_MAX} (RFC 7208 section 4.6.4): {}; take \
                 out what you do not need, or name servers with ip4",
                self.lookups,
                costs.join(", "),
            ));
        }
    }
}

/// Whether a name can be looked up: one with macros only a receiver can fill in.
fn is_known(target: &str) -> bool {
    !target.contains('%')
}
