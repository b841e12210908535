//! The statement that grants a right, made of the words of an error about its lack: of `PostgreSQL` and of `MySQL` and `MariaDB`,
//! in English. SQLite knows no rights.

/// Tables of the application that fanmail reads.
const READ: [&str; 2] = ["events", "participants"];

/// Tables of fanmail.
const LEDGER: [&str; 12] = [
    "notifications",
    "deliveries",
    "deferrals",
    "recipients",
    "broker_sessions",
    "installation",
    "outbox",
    "workers",
    "suppressions",
    "soft_bounces",
    "bounce_counts",
    "erasures",
];

/// What the words of a cause ask for. `user` is the one that logs in.
pub fn missing_right(cause: &str, user: Option<&str>) -> Option<String> {
    mysql(cause).or_else(|| postgres(cause, user))
}

/// `permission denied for view events`.
fn postgres(cause: &str, user: Option<&str>) -> Option<String> {
    let (_, rest) = cause.split_once("permission denied for ")?;
    let mut words = rest.split_whitespace();
    let (kind, name) = (words.next()?, words.next()?);
    // A name with blanks ends elsewhere.
    let name = name.trim_end_matches([';', ',', '.']);
    let user = user.map_or_else(|| "the_user_of_DATABASE_URL".to_owned(), quoted);
    let right = match kind {
        "schema" => format!("USAGE, CREATE ON SCHEMA {name}"),
        "sequence" => format!("USAGE ON SEQUENCE {name}"),
        "database" => format!("CONNECT, CREATE ON DATABASE {name}"),
        "table" | "view" | "relation" if READ.contains(&name) => format!("SELECT ON {}", READ.join(", ")),
        "table" | "view" | "relation" if LEDGER.contains(&name) => {
            format!("SELECT, INSERT, UPDATE, DELETE ON {}", LEDGER.join(", "))
        }
        "table" | "view" | "relation" => format!("SELECT ON {name}"),
        _ => return None,
    };
    Some(format!("GRANT {right} TO {user}"))
}

/// A name as SQL takes it in any letters.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `SELECT command denied to user 'app'@'localhost' for table 'events'`, with the database before the name in newer versions.
fn mysql(cause: &str) -> Option<String> {
    let (before, rest) = cause.split_once(" command denied to user ")?;
    let (user, table) = rest.split_once(" for table ")?;
    let rights: String = before
        .rsplit(": ")
        .next()?
        .chars()
        .filter(|&c| c.is_ascii_uppercase() || c == ' ' || c == ',')
        .collect();
    let table: String = table
        .chars()
        .filter(|&c| c != '\'' && c != '`')
        .take_while(|&c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '-'))
        .collect();
    let is_change =
        ["CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"].iter().any(|right| rights.contains(right));
    match table.split_once('.') {
        Some((database, _)) if is_change => Some(format!("GRANT ALL ON `{database}`.* TO {user}")),
        Some((database, name)) => Some(format!("GRANT {} ON `{database}`.`{name}` TO {user}", rights.trim())),
        None if is_change => None,
        None => Some(format!("GRANT {} ON `{table}` TO {user}", rights.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_has_what_the_error_tells() {
        let ledger = "notifications, deliveries, deferrals, recipients, broker_sessions, installation, outbox, workers, \
                      suppressions, soft_bounces, bounce_counts, erasures";
        for (cause, grant) in [
            ("permission denied for view events", "SELECT ON events, participants TO app".to_owned()),
            ("permission denied for table participants", "SELECT ON events, participants TO app".to_owned()),
            ("permission denied for table meetings_meeting", "SELECT ON meetings_meeting TO app".to_owned()),
            ("permission denied for view users", "SELECT ON users TO app".to_owned()),
            (
                "permission denied for relation workers",
                format!("SELECT, INSERT, UPDATE, DELETE ON {ledger} TO app"),
            ),
            ("permission denied for schema public", "USAGE, CREATE ON SCHEMA public TO app".to_owned()),
            (
                "permission denied for sequence notifications_id_seq",
                "USAGE ON SEQUENCE notifications_id_seq TO app".to_owned(),
            ),
            (
                "SELECT command denied to user 'app'@'localhost' for table `shop`.`events`",
                "SELECT ON `shop`.`events` TO 'app'@'localhost'".to_owned(),
            ),
            (
                "INSERT, UPDATE command denied to user 'app'@'%' for table 'deliveries'",
                "INSERT, UPDATE ON `deliveries` TO 'app'@'%'".to_owned(),
            ),
            (
                "CREATE command denied to user 'app'@'%' for table `shop`.`deliveries`",
                "ALL ON `shop`.* TO 'app'@'%'".to_owned(),
            ),
        ] {
            assert_eq!(missing_right(cause, Some("app")), Some(format!("GRANT {grant}")));
        }
    }

    #[test]
    fn a_user_is_quoted_where_sql_wants_it_and_other_errors_are_left_alone() {
        let cause = "permission denied for view events";
        for (user, to) in [
            (Some("Shop-App"), "\"Shop-App\""),
            (Some("1st"), "\"1st\""),
            (Some("a\"b"), "\"a\"\"b\""),
            (None, "the_user_of_DATABASE_URL"),
        ] {
            assert!(missing_right(cause, user).unwrap().ends_with(&format!(" TO {to}")), "{user:?}");
        }
        for cause in [
            "out of order",
            "permission denied for function now",
            "permission denied for",
            "Access denied for user",
        ] {
            assert_eq!(missing_right(cause, Some("app")), None, "{cause}");
        }
    }
}
