//! Where the publisher of a message wants to be told what became of it, as AMQP's request and reply has it.

/// The queue of the replies, and what names the request in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The name of the queue.
    pub queue: String,
    /// Copied to the reply as it is.
    pub correlation_id: Option<String>,
}

/// What the names begin with that RabbitMQ gives for `amq.rabbitmq.reply-to` (its documentation of direct reply-to).
const DIRECT: &str = "amq.rabbitmq.reply-to";

impl ReplyTo {
    /// From the properties of a message. An empty name is none.
    #[must_use]
    pub fn new(queue: Option<&str>, correlation_id: Option<&str>) -> Option<Self> {
        let queue = queue.filter(|name| !name.is_empty())?.to_owned();
        Some(Self { queue, correlation_id: correlation_id.map(str::to_owned) })
    }

    /// Whether no queue of this name exists, and the broker hands the reply to the connection of the publisher.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.queue.strip_prefix(DIRECT).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_none_and_a_correlation_id_may_be_missing() {
        assert_eq!(ReplyTo::new(None, Some("1")), None);
        assert_eq!(ReplyTo::new(Some(""), Some("1")), None);
        let reply_to = ReplyTo::new(Some("answers"), None).unwrap();
        assert_eq!((reply_to.queue.as_str(), &reply_to.correlation_id), ("answers", &None));
        assert!(!reply_to.is_direct());
    }

    #[test]
    fn direct_names_begin_with_those_of_rabbitmq() {
        for (name, is_direct) in [
            ("amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyMjk0NzU2Mw.Xg==", true),
            ("amq.rabbitmq.reply-to", true),
            ("amq.rabbitmq.reply-too", false),
            ("replies", false),
        ] {
            assert_eq!(ReplyTo::new(Some(name), None).unwrap().is_direct(), is_direct, "{name}");
        }
    }
}
