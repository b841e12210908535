//! Reads `AMQP_URL` by the rules of RabbitMQ's URI specification, which knows one host; here several may stand, with commas
//! between them. No error shows the URL: it may hold a password.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::broker::hosts::{self, WrittenHost};
use crate::config::reader::parse_host;
use crate::config::secret::Secret;

/// The parts of `amqp://user:password@host:port,host:port/vhost`; `None` where the URL leaves a part out.
#[derive(Debug)]
pub struct BrokerUrl {
    /// Whether the scheme is `amqps`.
    pub tls: bool,
    /// At least one.
    pub hosts: Vec<WrittenHost>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub vhost: Option<String>,
}

impl BrokerUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the name of the variable.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, more_hosts) = split_hosts(text);
        let url = Url::parse(&text).map_err(|error| {
            format!(
                "is not a URL ({error}); expected amqps://user:password@host:port/vhost; write / @ : # ? % inside a \
                 part as %2F %40 %3A %23 %3F %25"
            )
        })?;
        let tls = match url.scheme() {
            "amqps" => true,
            "amqp" => false,
            _ => return Err("does not begin with amqp:// or amqps://".to_owned()),
        };
        refuse_extras(&url)?;
        let host = url
            .host_str()
            .and_then(parse_host)
            .ok_or("names no host; expected amqps://user:password@host:port/vhost")?;
        if url.port() == Some(0) {
            return Err("names port 0; expected a port from 1 to 65535".to_owned());
        }
        let first = WrittenHost { name: host, port: url.port() };
        let more = match more_hosts {
            Some(list) => hosts::parse(list).ok_or(
                "has several hosts, and one of them cannot be read; expected \
                 amqps://user:password@host:port,host:port/vhost",
            )?,
            None => Vec::new(),
        };
        Ok(Self {
            tls,
            hosts: [first].into_iter().chain(more).collect(),
            username: decode(url.username())?,
            password: decode(url.password().unwrap_or_default())?.map(Secret::new),
            vhost: decode(url.path().strip_prefix('/').unwrap_or_default())?,
        })
    }
}

/// The URL with its first host only, and the list of the others, if there are any. The hosts end at the path, and begin
/// behind the last @ before it (RFC 3986 section 3.2).
fn split_hosts(text: &str) -> (String, Option<&str>) {
    let begin = text.find("://").map_or(0, |at| at + "://".len());
    let end = text[begin..].find(['/', '?', '#']).map_or(text.len(), |at| begin + at);
    let begin = text[begin..end].rfind('@').map_or(begin, |at| begin + at + 1);
    match text[begin..end].split_once(',') {
        Some((first, others)) => {
            (format!("{}{}{}", &text[..begin], first.trim(), &text[end..]), Some(others))
        }
        None => (text.to_owned(), None),
    }
}

/// Refuses what a URL may have and fanmail does not use, and what looks like a password that is not percent-encoded.
fn refuse_extras(url: &Url) -> Result<(), String> {
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "has text after a ? or #; remove it, because fanmail sets heartbeat and timeouts itself. In a \
                    password write %3F for ? and %23 for #"
                .to_owned(),
        );
    }
    if url.path().contains('@') {
        return Err(
            "has an @ after the host; in a user name or password write %40 for @, %2F for / and %3A for :"
                .to_owned(),
        );
    }
    Ok(())
}

/// The decoded part; `None` when it is empty.
fn decode(part: &str) -> Result<Option<String>, String> {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok((!text.is_empty()).then(|| text.into_owned())),
        Err(_) => Err("has a part that is not UTF-8 after percent-decoding".to_owned()),
    }
}
