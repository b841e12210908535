//! Every variable with its value in effect and where that is from, for people who ask why fanmail does what it does. Secrets are masked.
//! Reading values is left to the sections.

use std::collections::BTreeMap;
use std::path::Path;

use crate::commands::config::example::EXAMPLE;
use crate::commands::config::overview::masking::masked;
use crate::config::Config;
use crate::config::broker::variables::other_name;
use crate::config::environment::{Environment, SetIn, read_dotenv};

mod masking;

/// What is shown in place of a secret.
const SECRET: &str = "(secret)";

/// The folder with secrets, which systemd makes and names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Defaults that the example cannot show, because setting them means more than leaving them out.
const UNWRITTEN: [(&str, &str); 9] = [
    ("CALENDAR", "request"),
    ("COALESCE", "off"),
    ("DEFAULT_LOCALE", "en"),
    ("DESCRIPTION_FORMAT", "auto"),
    ("FROM_EMAIL", "noreply@example.com"),
    ("LAVINMQ_PORT", "5672"),
    ("MAP_URL", "https://www.google.com/maps/search/?api=1&query={place}"),
    ("REMINDERS", "off"),
    ("SMTP_USE_TLS", "True"),
];

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// The value in effect, without secrets; `None` if it is not set and has no default.
    pub value: Option<String>,
    /// Where the value is from.
    pub source: Source,
    /// Whether it is set to something else than its default.
    pub is_changed: bool,
    /// Whether it is a secret, or has one in it.
    pub is_secret: bool,
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The environment of the process.
    Environment,
    /// This line of `.env`.
    Dotenv(usize),
    /// The file that this variable names.
    File(String),
    /// Another variable, which wins.
    Variable(&'static str),
    /// Nothing is set.
    Default,
}

/// The settings, sorted by name. `config` is what was read from `environment`, if that is valid: some defaults depend on other variables.
#[must_use]
pub fn settings(environment: &Environment, config: Option<&Config>) -> Vec<Setting> {
    let names = Config::variables();
    let overview = Overview { environment, config, names: &names, defaults: defaults() };
    names.iter().filter_map(|name| overview.setting(name)).collect()
}

/// Those that are the same everywhere.
fn defaults() -> BTreeMap<String, String> {
    let mut defaults = read_dotenv(EXAMPLE);
    defaults.extend(UNWRITTEN.map(|(name, value)| (name.to_owned(), value.to_owned())));
    defaults
}

struct Overview<'a> {
    environment: &'a Environment,
    config: Option<&'a Config>,
    names: &'a [String],
    defaults: BTreeMap<String, String>,
}

impl Overview<'_> {
    /// `None` for a variable that is not set and has another one in its place.
    fn setting(&self, name: &str) -> Option<Setting> {
        let default = self.defaults.get(name);
        let file = format!("{name}_FILE");
        let (is_secret, is_file_of_secret) = (self.names.contains(&file), self.is_file_of_secret(name));
        let setting = |value, source, is_changed| Setting {
            name: name.to_owned(),
            value,
            source,
            is_changed,
            is_secret,
        };
        let value = self.set(name);
        if self.is_set("AMQP_URL") && is_in_url(name) && (value.is_some() || name.starts_with("LAVINMQ_")) {
            return Some(setting(None, Source::Variable("AMQP_URL"), value.is_some()));
        }
        if let Some(value) = value {
            let shown = masked(&value, is_secret).unwrap_or_else(|| SECRET.to_owned());
            let source = match self.environment.set_in(name) {
                Some(SetIn::Dotenv(line)) => Source::Dotenv(line),
                _ => Source::Environment,
            };
            return Some(setting(Some(shown), source, default.map(String::as_str) != Some(value.trim())));
        }
        if is_secret && let Some(variable) = self.file_variable(name) {
            return Some(setting(Some(SECRET.to_owned()), Source::File(variable), true));
        }
        let is_named_otherwise =
            other_name(name).is_some_and(|other| name.starts_with("BROKER_") || self.is_set(other));
        if is_file_of_secret || is_named_otherwise {
            return None;
        }
        let value = self.dependent_default(name).or_else(|| default.cloned());
        Some(setting(value, Source::Default, false))
    }

    /// A value that counts as set.
    fn set(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.trim().is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.set(name).is_some() || self.file_variable(name).is_some()
    }

    /// The variable that says where the file with this secret is, if there is one.
    fn file_variable(&self, name: &str) -> Option<String> {
        let file = format!("{name}_FILE");
        if self.set(&file).is_some() {
            return Some(file);
        }
        let credential = Path::new(&self.set(CREDENTIALS)?).join(name.to_ascii_lowercase());
        let is_secret = self.names.contains(&file);
        (is_secret && credential.exists()).then(|| CREDENTIALS.to_owned())
    }

    /// Whether it has the path of a file with a secret.
    fn is_file_of_secret(&self, name: &str) -> bool {
        name.strip_suffix("_FILE").is_some_and(|secret| self.names.iter().any(|known| known == secret))
    }

    /// A default that follows from other variables.
    fn dependent_default(&self, name: &str) -> Option<String> {
        let Config { broker, email, .. } = self.config?;
        match name {
            "LAVINMQ_PORT" => broker.hosts.first().map(|host| host.port.to_string()),
            "LAVINMQ_USE_TLS" => Some(if broker.tls { "True" } else { "False" }.to_owned()),
            "FROM_NAME" => Some(email.from_name.clone()).filter(|name| !name.is_empty()),
            "CONTACT" => email.reply_to.clone(),
            "DKIM_DOMAIN" => email.dkim.as_ref().map(|dkim| dkim.domain.clone()),
            _ => None,
        }
    }
}

/// What a URL of the broker has in it.
fn is_in_url(name: &str) -> bool {
    let setting = name.strip_prefix("LAVINMQ_").or_else(|| name.strip_prefix("BROKER_"));
    let in_url = ["HOST", "PORT", "USE_TLS", "USERNAME", "PASSWORD", "PASSWORD_FILE", "VHOST"];
    setting.is_some_and(|setting| in_url.contains(&setting))
}

#[cfg(test)]
mod tests;
