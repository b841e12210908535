//! The names of the broker's variables. Every setting has two names: `LAVINMQ_…`, which the earlier service reads, and
//! `BROKER_…`, which fits RabbitMQ as well. Messages name the variable that is set.

use crate::config::reader::Reader;

/// The names of one setting: `LAVINMQ_…` first.
type Names = [&'static str; 2];

pub(super) const HOST: Names = ["LAVINMQ_HOST", "BROKER_HOST"];
pub(super) const PORT: Names = ["LAVINMQ_PORT", "BROKER_PORT"];
pub(super) const USE_TLS: Names = ["LAVINMQ_USE_TLS", "BROKER_USE_TLS"];
pub(super) const USERNAME: Names = ["LAVINMQ_USERNAME", "BROKER_USERNAME"];
pub(super) const PASSWORD: Names = ["LAVINMQ_PASSWORD", "BROKER_PASSWORD"];
pub(super) const VHOST: Names = ["LAVINMQ_VHOST", "BROKER_VHOST"];
pub(super) const QUEUE: Names = ["LAVINMQ_QUEUE", "BROKER_QUEUE"];

/// A password may be in a file.
const PASSWORD_FILE: Names = ["LAVINMQ_PASSWORD_FILE", "BROKER_PASSWORD_FILE"];

const ALL: [Names; 8] = [HOST, PORT, USE_TLS, USERNAME, PASSWORD, PASSWORD_FILE, VHOST, QUEUE];

/// The variable that each setting comes from, or would come from. With a URL, `AMQP_URL` for all but the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named after the setting")]
pub struct BrokerVariables {
    pub host: &'static str,
    pub port: &'static str,
    pub use_tls: &'static str,
    pub username: &'static str,
    pub password: &'static str,
    pub vhost: &'static str,
    pub queue: &'static str,
}

/// The other name of the same setting.
#[must_use]
pub fn other_name(name: &str) -> Option<&'static str> {
    let other = |[first, second]: &Names| match name {
        name if name == *first => Some(*second),
        name if name == *second => Some(*first),
        _ => None,
    };
    ALL.iter().find_map(other)
}

/// Whether `value` is the URL that Kubernetes puts into `<SERVICE>_PORT` for every service.
pub(super) fn is_set_by_kubernetes(name: &str, value: &str) -> bool {
    name.ends_with("_PORT") && value.starts_with("tcp://")
}

/// The first of these variables that an operator has set.
pub(super) fn first_set(reader: &mut Reader<'_>, names: &[&'static str]) -> Option<&'static str> {
    let mut is_set = |name: &str| reader.text(name).is_some_and(|value| !is_set_by_kubernetes(name, &value));
    names.iter().copied().find(|name| is_set(name))
}

impl BrokerVariables {
    /// The names that an operator has set. A setting without a variable takes the name that fits the variables which
    /// are set.
    pub(super) fn find(reader: &mut Reader<'_>) -> Self {
        let columns = [0, 1].map(|column| ALL.map(|names| names[column]));
        let [lavinmq, broker] = columns.map(|names| first_set(reader, &names).is_some());
        let default = usize::from(broker && !lavinmq);
        let mut name = |names: Names| first_set(reader, &names).unwrap_or(names[default]);
        let (host, port, use_tls, username) = (name(HOST), name(PORT), name(USE_TLS), name(USERNAME));
        let (vhost, queue) = (name(VHOST), name(QUEUE));
        let password = [PASSWORD[0], PASSWORD_FILE[0], PASSWORD[1], PASSWORD_FILE[1]];
        let password = first_set(reader, &password).unwrap_or(PASSWORD[default]);
        Self { host, port, use_tls, username, password, vhost, queue }
    }

    /// The names when all settings but the queue come from the URL in `variable`.
    pub(super) fn of_url(variable: &'static str, queue: &'static str) -> Self {
        Self {
            host: variable,
            port: variable,
            use_tls: variable,
            username: variable,
            password: variable,
            vhost: variable,
            queue,
        }
    }
}
