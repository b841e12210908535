//! The queues that are consumed: `LAVINMQ_QUEUE`, one or several.

use crate::config::broker::variables::QUEUE;
use crate::config::reader::Reader;

/// The queue without a setting.
const DEFAULT: &str = "event_notifications";

/// AMQP allows 255 bytes for a name (short string, AMQP 0-9-1 section 4.2.5.3).
const LONGEST: usize = 255;

/// What the name of a dead-letter queue ends with.
const DEAD: &str = ".dead";

/// The worker has a connection for each queue.
const MOST: usize = 16;

/// The names of the queues, at least one.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<String> {
    reader.either(QUEUE, read_names).unwrap_or_else(|| vec![DEFAULT.to_owned()])
}

fn read_names(reader: &mut Reader<'_>, variable: &str) -> Option<Vec<String>> {
    let list = reader.text(variable)?;
    parse(&list).map_err(|sentence| reader.problem(variable, sentence)).ok()
}

/// The error is a sentence that continues after the name of the variable.
fn parse(list: &str) -> Result<Vec<String>, String> {
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    if names.len() > MOST {
        return Err(format!("has {} queues; expected at most {MOST}", names.len()));
    }
    for (index, name) in names.iter().enumerate() {
        check_name(name)?;
        if names[..index].contains(name) {
            return Err(format!("has the queue {name:?} twice; remove one"));
        }
        if let Some(other) = name.strip_suffix(DEAD).filter(|other| names.contains(other)) {
            return Err(format!(
                "has the queue {name:?}, which keeps the dead letters of {other:?}; remove it"
            ));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The name of the dead-letter queue has to fit, too.
fn check_name(name: &str) -> Result<(), String> {
    let longest = LONGEST - DEAD.len();
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
