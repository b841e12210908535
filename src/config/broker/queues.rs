//! The queues that are consumed: `LAVINMQ_QUEUE`, one or several, and with `URGENT_QUEUE` an urgent one beside each.

use crate::config::broker::variables::QUEUE;
use crate::config::reader::Reader;

/// The queue without a setting.
const DEFAULT: &str = "event_notifications";

/// AMQP allows 255 bytes for a name (short string, AMQP 0-9-1 section 4.2.5.3).
const LONGEST: usize = 255;

/// What the name of a dead-letter queue ends with.
const DEAD: &str = ".dead";

/// What the name of an urgent queue ends with.
const URGENT: &str = ".urgent";

/// The worker has a connection for each queue.
const MOST: usize = 16;

/// The queues that are consumed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Queues {
    /// At least one.
    pub(super) names: Vec<String>,
    /// Those beside them that are served first.
    pub(super) urgent: Vec<String>,
}

impl Queues {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let has_urgent = reader.flag("URGENT_QUEUE").unwrap_or(false);
        let read = |reader: &mut Reader<'_>, variable: &str| {
            reader.checked(variable, |list| Self::parse(list, has_urgent))
        };
        let default = || Self::with_urgent(vec![DEFAULT.to_owned()], has_urgent);
        reader.either(QUEUE, read).unwrap_or_else(default)
    }

    /// The error is a sentence that continues after the name of the variable.
    fn parse(list: &str, has_urgent: bool) -> Result<Self, String> {
        let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
        if names.len() > MOST {
            return Err(format!("has {} queues; expected at most {MOST}", names.len()));
        }
        let queues = Self::with_urgent(names, has_urgent);
        let Self { names, urgent } = &queues;
        for (index, name) in names.iter().enumerate() {
            check_name(name, has_urgent)?;
            if names[..index].contains(name) {
                return Err(format!("has the queue {name:?} twice; remove one"));
            }
            if urgent.contains(name) {
                return Err(format!(
                    "has the queue {name:?}, which is consumed anyway (URGENT_QUEUE); remove it"
                ));
            }
            let keeps = |other: &&String| name.strip_suffix(DEAD) == Some(other.as_str());
            if let Some(other) = names.iter().chain(urgent).find(keeps) {
                return Err(format!(
                    "has the queue {name:?}, which keeps the dead letters of {other:?}; remove it"
                ));
            }
        }
        Ok(queues)
    }

    fn with_urgent(names: Vec<String>, has_urgent: bool) -> Self {
        let urgent = names.iter().filter(|_| has_urgent).map(|name| format!("{name}{URGENT}")).collect();
        Self { names, urgent }
    }
}

/// The name of the dead-letter queue has to fit, too.
fn check_name(name: &str, has_urgent: bool) -> Result<(), String> {
    let longest = LONGEST - DEAD.len() - if has_urgent { URGENT.len() } else { 0 };
    if name.is_empty() {
        return Err(
            "has an empty name; expected the name of a queue, or several with commas between them".to_owned()
        );
    }
    if name.len() > longest || name.chars().any(char::is_control) {
        let shown: String = name.chars().take(80).collect();
        return Err(format!(
            "has {shown:?}; expected names of at most {longest} bytes, without control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Vec<String>, String> {
        Queues::parse(list, false).map(|queues| queues.names)
    }

    #[test]
    fn an_urgent_queue_is_beside_each() {
        let queues = Queues::parse("a,b", true).unwrap();
        assert_eq!(
            (queues.names.join(" "), queues.urgent.join(" ")),
            ("a b".into(), "a.urgent b.urgent".into())
        );
        let long = "x".repeat(244);
        for (list, told) in [
            ("a,a.urgent", "has the queue \"a.urgent\", which is consumed anyway (URGENT_QUEUE)"),
            ("a,a.urgent.dead", "which keeps the dead letters of \"a.urgent\""),
            (&long, "expected names of at most 243 bytes"),
        ] {
            let problem = Queues::parse(list, true).unwrap_err();
            assert!(problem.contains(told), "{list}: {problem}");
            assert!(parse(list).is_ok(), "{list}");
        }
    }

    #[test]
    fn one_queue_or_several_with_commas() {
        assert_eq!(parse("events").unwrap(), ["events"]);
        assert_eq!(parse(" a , b.c,d e").unwrap(), ["a", "b.c", "d e"]);
        assert_eq!(parse("a.dead").unwrap(), ["a.dead"], "of another program");
        assert!(parse(&"x".repeat(250)).is_ok());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let (many, long) = (vec!["q"; 17].join(","), "x".repeat(251));
        for (list, told) in [
            ("a,,b", "has an empty name"),
            ("a,", "has an empty name"),
            ("a,b,a", "has the queue \"a\" twice; remove one"),
            ("a,a.dead", "has the queue \"a.dead\", which keeps the dead letters of \"a\""),
            ("a.dead,a", "which keeps the dead letters of \"a\""),
            ("a\u{1}", "expected names of at most 250 bytes, without control characters"),
            (&long, "expected names of at most 250 bytes"),
            (&many, "has 17 queues; expected at most 16"),
        ] {
            let problem = parse(list).unwrap_err();
            assert!(problem.contains(told), "{list}: {problem}");
        }
    }
}
