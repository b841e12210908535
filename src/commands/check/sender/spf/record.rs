//! The syntax of an SPF record (RFC 7208 sections 4.6.1, 5, 6, 7.1 and 12). What it means is left to `spf`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What stands between the blanks of a record, as far as the check needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// Who may send, and what follows for a server that is named.
    Mechanism(Qualifier, Mechanism),
    /// `redirect=`: the record of this domain decides about all others.
    Redirect(String),
    /// A modifier that decides nothing, such as `exp=`.
    Modifier,
}

/// What becomes of mails from servers that a mechanism names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// Which servers are named. Without a domain, it is that of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(String),
    Address(Option<String>),
    Exchanges(Option<String>),
    Pointer,
    Exists(String),
    /// A network, and whether it is the whole Internet (of IPv4 or IPv6).
    Network {
        is_everything: bool,
    },
}

/// For people, without what does not matter to the number of lookups.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mechanism(_, mechanism) => mechanism.fmt(f),
            Self::Redirect(target) => write!(f, "redirect={target}"),
            Self::Modifier => f.write_str("exp"),
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, target) = match self {
            Self::All => ("all", None),
            Self::Include(target) => ("include", Some(target)),
            Self::Address(target) => ("a", target.as_ref()),
            Self::Exchanges(target) => ("mx", target.as_ref()),
            Self::Pointer => ("ptr", None),
            Self::Exists(target) => ("exists", Some(target)),
            Self::Network { .. } => ("ip", None),
        };
        match target {
            Some(target) => write!(f, "{name}:{target}"),
            None => f.write_str(name),
        }
    }
}

/// A term that receivers do not understand: they then use nothing of the record (section 4.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// As it stands in the record.
    pub term: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Whether a TXT record is one of SPF (section 4.5).
pub(super) fn is_spf(record: &str) -> bool {
    record.split(' ').next().is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
}

/// The terms of a record, without its version.
///
/// # Errors
/// The first term that is wrong.
pub(super) fn parse(record: &str) -> Result<Vec<Term>, SyntaxError> {
    let mut terms = Vec::new();
    let (mut has_redirect, mut has_explanation) = (false, false);
    for text in record.split(' ').skip(1).filter(|text| !text.is_empty()) {
        let wrong = |reason| SyntaxError { term: text.to_owned(), reason };
        let (term, name) = parse_term(text).map_err(wrong)?;
        let is_second = match name.as_str() {
            "redirect" => std::mem::replace(&mut has_redirect, true),
            "exp" => std::mem::replace(&mut has_explanation, true),
            _ => false,
        };
        if is_second {
            return Err(wrong("stands there for the second time"));
        }
        terms.push(term);
    }
    Ok(terms)
}

/// A term, and its name in small letters.
fn parse_term(text: &str) -> Result<(Term, String), &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has characters that SPF does not know");
    }
    let end = text.find([':', '=', '/']).unwrap_or(text.len());
    if text[end..].starts_with('=') {
        return modifier(&text[..end], &text[end + 1..]);
    }
    let (qualifier, text) = match text.split_at_checked(1) {
        Some(("+", rest)) => (Qualifier::Pass, rest),
        Some(("-", rest)) => (Qualifier::Fail, rest),
        Some(("~", rest)) => (Qualifier::SoftFail, rest),
        Some(("?", rest)) => (Qualifier::Neutral, rest),
        _ => (Qualifier::Pass, text),
    };
    let end = text.find([':', '/']).unwrap_or(text.len());
    let name = text[..end].to_ascii_lowercase();
    let mechanism = mechanism(&name, &text[end..])?;
    Ok((Term::Mechanism(qualifier, mechanism), name))
}

fn modifier(name: &str, value: &str) -> Result<(Term, String), &'static str> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !is_name(name) {
        return Err("has no name before the equals sign");
    }
    let name = name.to_ascii_lowercase();
    let term = match name.as_str() {
        "redirect" => Term::Redirect(domain(value)?),
        "exp" => domain(value).map(|_| Term::Modifier)?,
        // A macro-string, which only receivers that know the modifier read.
        _ => Term::Modifier,
    };
    Ok((term, name))
}

/// `rest` begins with a colon or a slash, or is empty.
fn mechanism(name: &str, rest: &str) -> Result<Mechanism, &'static str> {
    let value = rest.strip_prefix(':');
    match name {
        "all" if rest.is_empty() => Ok(Mechanism::All),
        "all" => Err("has something behind \"all\""),
        "include" => domain(value.ok_or("names no domain")?).map(Mechanism::Include),
        "exists" => domain(value.ok_or("names no domain")?).map(Mechanism::Exists),
        "ptr" if rest.is_empty() => Ok(Mechanism::Pointer),
        "ptr" => domain(value.ok_or("names no domain")?).map(|_| Mechanism::Pointer),
        "a" | "mx" => {
            let target = optional_domain(rest)?;
            Ok(if name == "a" { Mechanism::Address(target) } else { Mechanism::Exchanges(target) })
        }
        "ip4" => network::<Ipv4Addr>(value, 32, "is no IPv4 address or network"),
        "ip6" => network::<Ipv6Addr>(value, 128, "is no IPv6 address or network"),
        _ => Err("is nothing that SPF knows"),
    }
}

/// `:domain/24//64`, of which everything may be missing.
fn optional_domain(rest: &str) -> Result<Option<String>, &'static str> {
    let wrong = "has a wrong length of the network behind the slash";
    let (rest, six) = rest.split_once("//").map_or((rest, None), |(rest, six)| (rest, Some(six)));
    let (name, four) = match rest.rsplit_once('/') {
        Some((name, four)) if !four.contains('}') => (name, Some(four)),
        _ => (rest, None),
    };
    if six.is_some_and(|six| length(six, 128).is_none())
        || four.is_some_and(|four| length(four, 32).is_none())
    {
        return Err(wrong);
    }
    match name.strip_prefix(':') {
        Some(name) => domain(name).map(Some),
        None if name.is_empty() => Ok(None),
        None => Err(wrong),
    }
}

fn network<A: std::str::FromStr>(
    value: Option<&str>,
    max: u8,
    wrong: &'static str,
) -> Result<Mechanism, &'static str> {
    let value = value.ok_or(wrong)?;
    let (address, bits) = match value.split_once('/') {
        Some((address, bits)) => (address, length(bits, max).ok_or(wrong)?),
        None => (value, max),
    };
    address.parse::<A>().map_err(|_| wrong)?;
    Ok(Mechanism::Network { is_everything: bits == 0 })
}

/// A number without zeros in front of it.
fn length(text: &str, max: u8) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|bits| is_plain && *bits <= max)
}

/// A domain-spec: a name with a dot, whose last label is none of digits only, or one that ends with a macro (section 7.1). In small letters,
/// without a dot at its end.
fn domain(text: &str) -> Result<String, &'static str> {
    if !has_only_whole_macros(text) {
        return Err("has a \"%\" that begins no macro");
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_top_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && label.bytes().any(|byte| !byte.is_ascii_digit())
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.rsplit_once('.').is_some_and(|(_, label)| is_top_label(label)) && !name.contains("..");
    if is_name || name.ends_with('}') { Ok(name) } else { Err("names no whole domain") }
}

/// Whether each `%` is `%%`, `%_`, `%-` or begins a macro such as `%{d2}`.
fn has_only_whole_macros(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('%') {
        rest = match behind.split_at_checked(1) {
            Some(("%" | "_" | "-", behind)) => behind,
            Some(("{", behind)) => match behind.split_once('}') {
                Some((inside, behind)) if is_macro(inside) => behind,
                _ => return false,
            },
            _ => return false,
        };
    }
    true
}

/// A letter, how many parts of its value, whether turned round, and what separates them.
fn is_macro(inside: &str) -> bool {
    let Some(behind) = inside.strip_prefix(|c: char| "slodiphcrtvSLODIPHCRTV".contains(c)) else {
        return false;
    };
    let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit());
    let behind = behind.strip_prefix(['r', 'R']).unwrap_or(behind);
    behind.chars().all(|c| ".-+,/_=".contains(c))
}

#[cfg(test)]
mod tests;
