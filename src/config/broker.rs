//! The section of RabbitMQ or LavinMQ: `AMQP_URL`, or the `LAVINMQ_…` variables of the earlier service.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::ca_certificates::CaCertificates;
use crate::config::reader::{Reader, is_loopback, parse_host};
use crate::config::secret::Secret;

/// Where the messages come from.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Whether the connection is `amqps`.
    pub tls: bool,
    /// Who may have signed its certificate, beside those whom the system trusts (`AMQP_CA_FILE`).
    pub ca_certificates: CaCertificates,
    /// Name or address of the broker; an IPv6 address is without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name.
    pub username: String,
    /// Password of that user.
    pub password: Secret,
    /// Virtual host, `/` unless another is named.
    pub vhost: String,
    /// The queue that is consumed; dead letters go to `<queue>.dead`.
    pub queue: String,
}

/// What brokers create at installation, for connections from the same machine only.
const GUEST: &str = "guest";

impl BrokerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let queue = read_queue(reader);
        let ca_certificates = CaCertificates::read(reader, "AMQP_CA_FILE");
        let from_url = reader.secret("AMQP_URL").and_then(|url| {
            let told = Self::from_url(url.expose(), queue.clone());
            told.map_err(|wrong| reader.problem("AMQP_URL", wrong)).ok()
        });
        let (about_tls, about_user) = match from_url {
            Some(_) => ("AMQP_URL", "AMQP_URL"),
            None => ("LAVINMQ_USE_TLS", "LAVINMQ_USERNAME"),
        };
        let told = from_url.unwrap_or_else(|| Self::from_variables(reader, queue));
        if ca_certificates.is_some() && !told.tls {
            reader.problem(
                about_tls,
                "asks for plain text, but AMQP_CA_FILE is set; expected LAVINMQ_USE_TLS=True or an amqps:// URL, \
                 or no AMQP_CA_FILE"
                    .to_owned(),
            );
        }
        if told.username == GUEST && told.password.expose() == GUEST && !is_loopback(&told.host) {
            reader.problem(
                about_user,
                format!(
                    "is guest with the password guest, which everybody knows, and the broker {:?} is not on this \
                     machine; make a user of its own there (rabbitmqctl add_user, or lavinmqctl add_user) and \
                     set its name and password",
                    told.host
                ),
            );
        }
        Self { ca_certificates, ..told }
    }

    /// Reads `amqp://user:password@host:port/vhost`, by the rules of RabbitMQ's URI specification. The scheme
    /// says in so many words whether the connection is protected.
    ///
    /// # Errors
    /// The rest of a sentence that begins with `AMQP_URL`. It never shows the URL: there is a password in it.
    fn from_url(url: &str, queue: String) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| {
            format!(
                "is not a URL ({error}); expected amqps://user:password@host:port/vhost, where signs such as \
                 / @ : # ? % within a part are written as %2F %40 %3A %23 %3F %25"
            )
        })?;
        let tls = match url.scheme() {
            "amqps" => true,
            "amqp" => false,
            _ => return Err("does not begin with amqp:// or amqps://".to_owned()),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(
                "goes on after a ? or #; leave that out, fanmail sets heartbeat and timeouts itself. \
                        Within a password write %3F for ? and %23 for #"
                    .to_owned(),
            );
        }
        if url.path().contains('@') {
            return Err(
                "has an @ behind the host; within a user name or password write %40 for @, %2F for / \
                        and %3A for :"
                    .to_owned(),
            );
        }
        let host = url
            .host_str()
            .and_then(parse_host)
            .ok_or("names no host; expected amqps://user:password@host:port/vhost")?;
        let port = url.port().unwrap_or(default_port(tls));
        if port == 0 {
            return Err("names port 0; expected one from 1 to 65535".to_owned());
        }
        let decode = |part: &str| match percent_decode_str(part).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err("has a part that is not UTF-8 after percent-decoding".to_owned()),
        };
        let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        Ok(Self {
            tls,
            ca_certificates: CaCertificates::default(),
            host,
            port,
            username: or(&decode(url.username())?, GUEST),
            password: Secret::new(or(&decode(url.password().unwrap_or_default())?, GUEST)),
            vhost: or(&decode(url.path().strip_prefix('/').unwrap_or_default())?, "/"),
            queue,
        })
    }

    /// Reads the `LAVINMQ_…` variables. Off loopback, plain text is used only where `LAVINMQ_USE_TLS=False`
    /// asks for it.
    fn from_variables(reader: &mut Reader<'_>, queue: String) -> Self {
        let host = reader.host("LAVINMQ_HOST").unwrap_or_else(|| "localhost".to_owned());
        let tls = reader.flag("LAVINMQ_USE_TLS").unwrap_or_else(|| {
            if !is_loopback(&host) {
                reader.problem(
                    "LAVINMQ_USE_TLS",
                    format!(
                        "is not set, and the broker {host:?} is not on this machine; expected True (amqps), or \
                         False when the password and the messages may cross the network readable"
                    ),
                );
            }
            false
        });
        Self {
            tls,
            ca_certificates: CaCertificates::default(),
            host,
            port: read_port(reader).unwrap_or(default_port(tls)),
            username: reader.text("LAVINMQ_USERNAME").unwrap_or_else(|| GUEST.to_owned()),
            password: reader.secret("LAVINMQ_PASSWORD").unwrap_or_else(|| Secret::new(GUEST.to_owned())),
            vhost: reader.text("LAVINMQ_VHOST").unwrap_or_else(|| "/".to_owned()),
            queue,
        }
    }
}

/// Reads `LAVINMQ_PORT`. Kubernetes sets a variable of that name by itself, to a URL, where a service is called
/// `lavinmq`: that deserves a sentence of its own.
fn read_port(reader: &mut Reader<'_>) -> Option<u16> {
    if reader.text("LAVINMQ_PORT").is_some_and(|value| value.starts_with("tcp://")) {
        reader.problem(
            "LAVINMQ_PORT",
            "was set by Kubernetes for a service called lavinmq; set it to a port yourself, or set \
             enableServiceLinks: false for the pod"
                .to_owned(),
        );
        return None;
    }
    reader.integer("LAVINMQ_PORT", &(1..=u16::MAX))
}

/// Reads `LAVINMQ_QUEUE`. AMQP keeps names in 255 bytes, and `.dead` has to fit, too.
fn read_queue(reader: &mut Reader<'_>) -> String {
    const LONGEST: usize = 255 - ".dead".len();
    reader
        .parsed("LAVINMQ_QUEUE", "a name of at most 250 bytes", |value| {
            (value.len() <= LONGEST && !value.chars().any(char::is_control)).then(|| value.to_owned())
        })
        .unwrap_or_else(|| "event_notifications".to_owned())
}

/// The registered ports of amqps and amqp.
fn default_port(tls: bool) -> u16 {
    if tls { 5671 } else { 5672 }
}
