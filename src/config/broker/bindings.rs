//! `AMQP_BINDINGS`: to which exchanges the queues are bound at start. What the broker says about that is left to
//! `broker/topology`.

use std::fmt;

use crate::config::reader::Reader;

const VARIABLE: &str = "AMQP_BINDINGS";

/// AMQP allows so many bytes for a name and for a routing key (short string, AMQP 0-9-1 section 4.2.5.3).
const LONGEST: usize = 255;

/// A type of exchange that fanmail may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeType {
    /// Compares routing keys with patterns.
    Topic,
    /// Compares routing keys as they are.
    Direct,
    /// Ignores routing keys.
    Fanout,
}

impl ExchangeType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Topic, Self::Direct, Self::Fanout];

    /// Its word in AMQP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Direct => "direct",
            Self::Fanout => "fanout",
        }
    }
}

/// A queue that gets what is published to an exchange with some routing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name of the exchange.
    pub exchange: String,
    /// Its type, if the configuration says it.
    pub exchange_type: Option<ExchangeType>,
    /// A routing key, or a pattern; empty for a fanout exchange.
    pub key: String,
    /// The name of the queue.
    pub queue: String,
}

impl Binding {
    /// Whether the key is a pattern: one of its words is `*` (one word) or `#` (any number of words).
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.key.split('.').any(|word| matches!(word, "*" | "#"))
    }

    /// The type that the exchange is to have, as far as the configuration tells.
    #[must_use]
    pub fn wanted_type(&self) -> Option<ExchangeType> {
        self.exchange_type.or(self.is_pattern().then_some(ExchangeType::Topic))
    }
}

/// As it is written, without the queue.
impl fmt::Display for Binding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange_type {
            Some(ExchangeType::Fanout) => write!(out, "{}(fanout)", self.exchange),
            Some(known) => write!(out, "{}({}):{}", self.exchange, known.as_str(), self.key),
            None => write!(out, "{}:{}", self.exchange, self.key),
        }
    }
}

/// Reads the bindings of `queues`, of which the first one is bound where an entry names none.
pub(super) fn read(reader: &mut Reader<'_>, queues: &[String]) -> Vec<Binding> {
    reader.checked(VARIABLE, |list| parse(list, queues)).unwrap_or_default()
}

/// The error is a sentence that continues after the name of the variable.
fn parse(list: &str, queues: &[String]) -> Result<Vec<Binding>, String> {
    let mut bindings: Vec<Binding> = Vec::new();
    for entry in list.split(',').map(str::trim) {
        if entry.is_empty() {
            return Err(
                "has an empty entry; expected exchange:key, several with commas between them".to_owned()
            );
        }
        let binding =
            parse_entry(entry, queues).map_err(|reason| format!("has the entry {entry:?}: {reason}"))?;
        let is_same = |known: &Binding| {
            (&known.exchange, &known.key, &known.queue) == (&binding.exchange, &binding.key, &binding.queue)
        };
        if bindings.iter().any(is_same) {
            return Err(format!("binds the queue {:?} to {binding} twice; remove one", binding.queue));
        }
        bindings.push(binding);
    }
    Ok(bindings)
}

fn parse_entry(entry: &str, queues: &[String]) -> Result<Binding, String> {
    let (source, queue) = match entry.rsplit_once("->") {
        Some((source, queue)) => (source, known_queue(queue.trim(), queues)?),
        None => (entry, queues.first().cloned().unwrap_or_default()),
    };
    let (exchange, key) = source.split_once(':').map_or((source, None), |(left, right)| (left, Some(right)));
    let (exchange, exchange_type) = split_type(exchange.trim())?;
    check_exchange(exchange)?;
    let key = match (key.map(str::trim).filter(|key| !key.is_empty()), exchange_type) {
        (None, Some(ExchangeType::Fanout)) => "",
        (Some(_), Some(ExchangeType::Fanout)) => {
            return Err(format!(
                "a fanout exchange ignores routing keys, so the queue would get every message; write {exchange}(fanout)"
            ));
        }
        (None, _) => {
            return Err(format!(
                "it has no routing key; expected {exchange}:key, or {exchange}(fanout) for a fanout exchange"
            ));
        }
        (Some(key), _) => key,
    };
    check_key(key)?;
    let binding = Binding { exchange: exchange.to_owned(), exchange_type, key: key.to_owned(), queue };
    if binding.is_pattern() && exchange_type == Some(ExchangeType::Direct) {
        return Err(format!(
            "a direct exchange compares routing keys as they are, so {key} would match no message; write \
             {exchange}(topic):{key}, or keys without * and #"
        ));
    }
    Ok(binding)
}

fn known_queue(queue: &str, queues: &[String]) -> Result<String, String> {
    if queues.iter().any(|known| known == queue) {
        return Ok(queue.to_owned());
    }
    Err(format!("{queue:?} is no queue that is consumed; expected {}", queues.join(" or ")))
}

/// `name(type)`, or `name` alone.
fn split_type(text: &str) -> Result<(&str, Option<ExchangeType>), String> {
    let Some((name, word)) = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) else {
        return Ok((text, None));
    };
    let known = ExchangeType::ALL.into_iter().find(|known| known.as_str() == word.trim());
    let Some(known) = known else {
        return Err(format!(
            "{word:?} is no type of exchange that fanmail binds to; expected topic, direct or fanout"
        ));
    };
    Ok((name.trim_end(), Some(known)))
}

fn check_exchange(exchange: &str) -> Result<(), String> {
    if exchange.is_empty() || exchange == "amq.default" {
        return Err(
            "it names no exchange; every queue gets what is published to the default exchange with its name, \
             without a binding"
                .to_owned(),
        );
    }
    check_text("the name of the exchange", exchange)
}

/// Checks a routing key, or a pattern of some.
///
/// # Errors
/// Why no exchange takes it, in one sentence.
pub fn check_key(key: &str) -> Result<(), String> {
    let is_wrong = |word: &&str| word.len() > 1 && word.contains(['*', '#']);
    if let Some(word) = key.split('.').find(is_wrong) {
        return Err(format!(
            "in a routing key, * stands for one word and # for any number of words between dots, and {word:?} is neither"
        ));
    }
    check_text("the routing key", key)
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    match text.len() {
        length if length > LONGEST => {
            Err(format!("{what} has {length} bytes, and AMQP allows at most {LONGEST}"))
        }
        _ if text.chars().any(char::is_control) => Err(format!("{what} has a control character")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
