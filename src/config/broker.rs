//! The section of RabbitMQ or LavinMQ: `AMQP_URL`, or the variables that `variables` names.

use crate::config::broker::bindings::Binding;
use crate::config::broker::hosts::{BrokerHost, WrittenHost};
use crate::config::broker::publishing::PublishingConfig;
use crate::config::broker::queues::Queues;
use crate::config::broker::url::BrokerUrl;
use crate::config::broker::variables::{
    BrokerVariables, HOST, PASSWORD, PORT, USE_TLS, USERNAME, VHOST, first_set, is_set_by_kubernetes,
};
use crate::config::ca_certificates::CaCertificates;
use crate::config::reader::{Reader, is_loopback};
use crate::config::secret::Secret;

pub mod bindings;
pub mod hosts;
pub mod publishing;
mod queues;
mod url;
pub mod variables;

/// Where the messages come from.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Whether the connection is `amqps`.
    pub tls: bool,
    /// Authorities that are trusted beside those of the system (`AMQP_CA_FILE`).
    pub ca_certificates: CaCertificates,
    /// At least one; they are tried in this order.
    pub hosts: Vec<BrokerHost>,
    /// User name.
    pub username: String,
    /// Password of that user.
    pub password: Secret,
    /// Virtual host, `/` unless another one is named.
    pub vhost: String,
    /// The queue that is consumed, the first one of several; its dead letters go to `<queue>.dead`.
    pub queue: String,
    /// The others.
    pub further_queues: Vec<String>,
    /// The queues beside them that are served first (`URGENT_QUEUE`).
    pub urgent_queues: Vec<String>,
    /// Whether this is the configuration of an urgent queue alone.
    pub is_urgent: bool,
    /// To which exchanges the queues are bound at start (`AMQP_BINDINGS`).
    pub bindings: Vec<Binding>,
    /// What the worker publishes beside dead letters (`REPLIES`, `EVENTS_EXCHANGE`).
    pub publishing: PublishingConfig,
    /// The variables that these values come from, for messages.
    pub variables: BrokerVariables,
}

/// User and password that brokers create at installation, for connections from the same machine only.
const GUEST: &str = "guest";

const URL: &str = "AMQP_URL";

impl BrokerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let Queues { names: mut further_queues, urgent: urgent_queues } = Queues::read(reader);
        let bindings = bindings::read(reader, &[&further_queues[..], &urgent_queues].concat());
        let queue = further_queues.remove(0);
        let ca_certificates = CaCertificates::read(reader, "AMQP_CA_FILE");
        let url = read_url(reader);
        let from_url = url.is_some();
        let config = match url {
            Some(url) => Self::from_url(reader, url, queue),
            None => Self::from_variables(reader, queue),
        };
        if ca_certificates.is_some() && !config.tls {
            let sentence = if from_url {
                "begins with amqp:// (plain text), but AMQP_CA_FILE is set; expected amqps://, or no AMQP_CA_FILE"
            } else {
                "is not True, but AMQP_CA_FILE is set; expected True, or no AMQP_CA_FILE"
            };
            reader.problem(config.variables.use_tls, sentence.to_owned());
        }
        config.refuse_public_password(reader, from_url);
        let publishing = PublishingConfig::read(reader);
        Self { ca_certificates, further_queues, urgent_queues, bindings, publishing, ..config }
    }

    /// The names of all queues that are consumed, the urgent ones last.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        let usual = std::iter::once(&self.queue).chain(&self.further_queues);
        usual.chain(&self.urgent_queues).map(String::as_str)
    }

    /// The same broker for each of the queues alone, with its bindings.
    #[must_use]
    pub fn of_each_queue(&self) -> Vec<Self> {
        let of = |queue: &str| {
            let bindings = self.bindings.iter().filter(|binding| binding.queue == queue).cloned().collect();
            let is_urgent = self.urgent_queues.iter().any(|urgent| urgent == queue);
            let (further_queues, urgent_queues) = (Vec::new(), Vec::new());
            Self {
                queue: queue.to_owned(),
                further_queues,
                urgent_queues,
                is_urgent,
                bindings,
                ..self.clone()
            }
        };
        self.queues().map(of).collect()
    }

    fn from_url(reader: &mut Reader<'_>, url: BrokerUrl, queue: String) -> Self {
        let queue_variable = BrokerVariables::find(reader).queue;
        let url_variable = url_variable(reader);
        Self {
            tls: url.tls,
            ca_certificates: CaCertificates::default(),
            hosts: with_port(url.hosts, default_port(url.tls)),
            username: url.username.unwrap_or_else(|| GUEST.to_owned()),
            password: url.password.unwrap_or_else(|| Secret::new(GUEST.to_owned())),
            vhost: url.vhost.unwrap_or_else(|| "/".to_owned()),
            queue,
            further_queues: Vec::new(),
            urgent_queues: Vec::new(),
            is_urgent: false,
            bindings: Vec::new(),
            publishing: PublishingConfig::default(),
            variables: BrokerVariables::of_url(url_variable, queue_variable),
        }
    }

    /// Off loopback, plain text is used only where `LAVINMQ_USE_TLS=False` asks for it.
    fn from_variables(reader: &mut Reader<'_>, queue: String) -> Self {
        let variables = BrokerVariables::find(reader);
        let localhost = || vec![WrittenHost { name: "localhost".to_owned(), port: None }];
        let hosts = reader.either(HOST, read_hosts).unwrap_or_else(localhost);
        let tls = reader.either(USE_TLS, Reader::flag).unwrap_or_else(|| {
            if let Some(WrittenHost { name: host, .. }) = hosts.iter().find(|host| !is_loopback(&host.name)) {
                reader.problem(
                    variables.use_tls,
                    format!(
                        "is not set, and the broker {host:?} is not on this machine; expected True (TLS, amqps), or \
                         False if the password and the messages may cross the network unencrypted"
                    ),
                );
            }
            false
        });
        let port = reader.either(PORT, read_port).unwrap_or(default_port(tls));
        Self {
            tls,
            ca_certificates: CaCertificates::default(),
            hosts: with_port(hosts, port),
            username: reader.either(USERNAME, Reader::text).unwrap_or_else(|| GUEST.to_owned()),
            password: reader
                .either(PASSWORD, Reader::secret)
                .unwrap_or_else(|| Secret::new(GUEST.to_owned())),
            vhost: reader.either(VHOST, Reader::text).unwrap_or_else(|| "/".to_owned()),
            queue,
            further_queues: Vec::new(),
            urgent_queues: Vec::new(),
            is_urgent: false,
            bindings: Vec::new(),
            publishing: PublishingConfig::default(),
            variables,
        }
    }

    fn refuse_public_password(&self, reader: &mut Reader<'_>, from_url: bool) {
        let remote = self.hosts.iter().find(|host| !is_loopback(&host.name));
        if self.username == GUEST
            && self.password.expose() == GUEST
            && let Some(BrokerHost { name: host, .. }) = remote
        {
            let verb = if from_url { "uses the user" } else { "is" };
            reader.problem(
                self.variables.username,
                format!(
                    "{verb} guest with the password guest, which is public, and the broker {host:?} is not on this machine; \
                     create a user for fanmail there (rabbitmqctl add_user or lavinmqctl add_user) and set its name \
                     and password"
                ),
            );
        }
    }
}

/// These hosts, with this port where they have none of their own.
fn with_port(hosts: Vec<WrittenHost>, port: u16) -> Vec<BrokerHost> {
    hosts.into_iter().map(|host| host.with_port(port)).collect()
}

fn read_hosts(reader: &mut Reader<'_>, name: &str) -> Option<Vec<WrittenHost>> {
    reader.parsed(name, hosts::EXPECTED, hosts::parse)
}

fn read_url(reader: &mut Reader<'_>) -> Option<BrokerUrl> {
    let url = reader.secret(URL)?;
    let variable = url_variable(reader);
    BrokerUrl::parse(url.expose()).map_err(|sentence| reader.problem(variable, sentence)).ok()
}

/// Where the URL stands.
fn url_variable(reader: &mut Reader<'_>) -> &'static str {
    first_set(reader, &[URL, "AMQP_URL_FILE"]).unwrap_or(URL)
}

/// Kubernetes sets `<SERVICE>_PORT` to a URL for every service. For a service called `lavinmq` that is reported, as it
/// always was. For one called `broker`, `BROKER_PORT` counts as not set.
fn read_port(reader: &mut Reader<'_>, name: &str) -> Option<u16> {
    if reader.text(name).is_some_and(|value| is_set_by_kubernetes(name, &value)) {
        if name == "LAVINMQ_PORT" {
            reader.problem(
                name,
                "was set by Kubernetes for a service called lavinmq; set it to a port yourself, or set \
                 enableServiceLinks: false for the pod"
                    .to_owned(),
            );
        }
        return None;
    }
    reader.integer(name, &(1..=u16::MAX))
}

/// The registered ports of amqps and amqp.
fn default_port(tls: bool) -> u16 {
    if tls { 5671 } else { 5672 }
}
