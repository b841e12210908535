//! What DNS says of a name, for `fanmail check`. The resolver is hickory's, in a small runtime that exists only while something is looked
//! up; tokio is named here and in `http`, and nowhere else. Host names of the broker and the relay are left to `net`, which asks the system.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Refusal, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::runtime::{self, Runtime};
use tokio::time;

/// How long a server may take for a reply before it is asked again, once.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one name may take, with all tries at all servers.
const NAME_TIMEOUT: Duration = Duration::from_secs(4);

/// How long all names together may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the checks ask.
pub trait Dns {
    /// The TXT records of a name, each with its strings put together (RFC 7208 section 3.3).
    ///
    /// # Errors
    /// When DNS does not say whether there are any.
    fn texts(&self, name: &str) -> Result<Records<String>, DnsError>;

    /// The mail exchangers of a name (MX), without the dots at their ends.
    ///
    /// # Errors
    /// As above.
    fn exchanges(&self, name: &str) -> Result<Records<String>, DnsError>;

    /// The addresses of a name (A, or AAAA if it has none), as text.
    ///
    /// # Errors
    /// As above.
    fn addresses(&self, name: &str) -> Result<Records<String>, DnsError>;
}

/// What DNS has of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records<T> {
    /// The records; none if there is no such name, or none of this kind.
    pub found: Vec<T>,
    /// Whether there is such a name.
    pub name_exists: bool,
}

/// DNS does not say whether there is such a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// No server has answered any question so far, so no further one is worth the time.
    #[error("{reason}")]
    NoServer {
        /// What happened instead.
        reason: String,
    },
    /// This name cannot be looked up.
    #[error("{name}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What happened instead.
        reason: String,
    },
    /// All names together took too long.
    #[error("it did not answer everything within {} seconds", TIMEOUT.as_secs())]
    OutOfTime,
}

/// Asks DNS servers, for at most ten seconds.
pub struct Resolver {
    runtime: Runtime,
    client: TokioResolver,
    until: Instant,
    /// Whether a server has answered anything, if only that it does not know.
    has_answered: Cell<bool>,
}

impl Resolver {
    /// One that asks this server, or those of `/etc/resolv.conf`. Asks nothing yet.
    ///
    /// # Errors
    /// Why there is none.
    pub fn new(name_server: Option<SocketAddr>) -> Result<Self, String> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("a resolver cannot be started: {error}"))?;
        let client = {
            let _entered = runtime.enter();
            build(name_server).map_err(|error| {
                format!("the DNS servers in /etc/resolv.conf cannot be read: {error}; name one with --name-server ADDRESS")
            })?
        };
        Ok(Self { runtime, client, until: Instant::now() + TIMEOUT, has_answered: Cell::new(false) })
    }

    fn look_up(&self, name: &str, kind: RecordType) -> Result<Records<RData>, DnsError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(DnsError::OutOfTime);
        }
        let failed = |reason: String| DnsError::Name { name: name.to_owned(), reason };
        // With a dot at its end, it is not looked for below the search list.
        let full = Name::from_ascii(format!("{}.", name.trim_end_matches('.')));
        let full = full.map_err(|_| failed("this is no name that DNS could have".to_owned()))?;
        let limit = left.min(NAME_TIMEOUT);
        let lookup = self.client.lookup(full, kind);
        let reply = self.runtime.block_on(async { time::timeout(limit, lookup).await });
        let reason = match reply {
            Ok(Ok(found)) => {
                self.has_answered.set(true);
                let found = found.answers().iter().map(|record| record.data.clone()).collect();
                return Ok(Records { found, name_exists: true });
            }
            Ok(Err(error)) if error.is_no_records_found() => {
                self.has_answered.set(true);
                return Ok(Records { found: Vec::new(), name_exists: !error.is_nx_domain() });
            }
            Ok(Err(NetError::Dns(Refusal::ResponseCode(code)))) => {
                self.has_answered.set(true);
                return Err(failed(format!("the server says \"{code}\"")));
            }
            Ok(Err(NetError::Timeout)) | Err(_) => {
                format!("no reply within {} seconds", limit.as_secs().max(1))
            }
            Ok(Err(error)) => error.to_string(),
        };
        if !self.has_answered.get() {
            return Err(DnsError::NoServer { reason });
        }
        Err(if limit < NAME_TIMEOUT { DnsError::OutOfTime } else { failed(reason) })
    }
}

fn build(name_server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match name_server {
        Some(address) => {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            server.connections.iter_mut().for_each(|connection| connection.port = address.port());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()?,
    };
    let options = builder.options_mut();
    options.timeout = TRY_TIMEOUT;
    options.attempts = 1;
    // What receivers see is asked for, not what this machine knows besides.
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}

impl<T> Records<T> {
    fn filter_map<U>(self, read: impl FnMut(T) -> Option<U>) -> Records<U> {
        Records { found: self.found.into_iter().filter_map(read).collect(), name_exists: self.name_exists }
    }
}

impl Dns for Resolver {
    fn texts(&self, name: &str) -> Result<Records<String>, DnsError> {
        Ok(self.look_up(name, RecordType::TXT)?.filter_map(|data| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        }))
    }

    fn exchanges(&self, name: &str) -> Result<Records<String>, DnsError> {
        Ok(self.look_up(name, RecordType::MX)?.filter_map(|data| match data {
            RData::MX(exchange) => Some(exchange.exchange.to_ascii().trim_end_matches('.').to_owned()),
            _ => None,
        }))
    }

    fn addresses(&self, name: &str) -> Result<Records<String>, DnsError> {
        let address = |data| match data {
            RData::A(address) => Some(address.to_string()),
            RData::AAAA(address) => Some(address.to_string()),
            _ => None,
        };
        let mut records = self.look_up(name, RecordType::A)?.filter_map(address);
        if records.name_exists && records.found.is_empty() {
            records = self.look_up(name, RecordType::AAAA)?.filter_map(address);
        }
        Ok(records)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("until", &self.until).finish_non_exhaustive()
    }
}
