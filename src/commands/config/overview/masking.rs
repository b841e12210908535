//! Values without the secrets in them.

/// Words in the names of parameters that are secret.
const SECRET_WORDS: [&str; 6] = ["pass", "pwd", "secret", "token", "key", "auth"];

/// A value for people. A URL keeps what is no secret; any other value that is one is `None`, and so is what may be one.
pub fn masked(value: &str, is_secret: bool) -> Option<String> {
    match value.split_once("://") {
        Some((scheme, rest)) => Some(format!("{scheme}://{}", without_secrets(rest))),
        None if is_secret && is_path(value) => Some(value.to_owned()),
        None if is_secret => None,
        None => Some(value.to_owned()),
    }
}

/// Whether it is the plain path of a SQLite file.
fn is_path(value: &str) -> bool {
    let is_path_char = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    (value.starts_with(['/', '.'])
        || std::path::Path::new(value).extension().is_some_and(|extension| extension == "db"))
        && value.chars().all(is_path_char)
}

/// A URL behind its scheme. The password ends at the last @: one that is not percent-encoded may have others, and slashes, in it.
fn without_secrets(rest: &str) -> String {
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let user = user.map(|user| match user.split_once(':') {
        Some((name, _)) if is_name(name) => format!("{name}:***@"),
        None if is_name(user) => format!("{user}@"),
        _ => "***@".to_owned(),
    });
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let query =
        query.map(|query| format!("?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&")));
    let (hosts, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let hosts: Vec<String> = hosts.split(',').map(host).collect();
    format!("{}{}{path}{}", user.unwrap_or_default(), hosts.join(","), query.unwrap_or_default())
}

/// A host. What is no port behind it may be the password of a URL without a host.
fn host(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((name, port)) if !text.starts_with('[') && !port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{name}:***")
        }
        _ => text.to_owned(),
    }
}

/// Not the begin of something longer, in which an @ has another meaning.
fn is_name(text: &str) -> bool {
    !text.contains(['/', '?', '=', '&'])
}

fn parameter(text: &str) -> String {
    let name = text.split('=').next().unwrap_or_default();
    let small = name.to_ascii_lowercase();
    let is_secret = SECRET_WORDS.iter().any(|word| small.contains(word));
    if is_secret { format!("{name}=***") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_what_is_no_secret() {
        for (url, shown) in [
            (
                "amqps://ada:MARKER@broker.example.org:5671/vhost",
                "amqps://ada:***@broker.example.org:5671/vhost",
            ),
            ("amqp://ada:MAR/KER@MARKER@a,b:5673/v", "amqp://ada:***@a,b:5673/v"),
            (
                "postgresql://host/db?user=ada&password=MARKER&sslmode=require",
                "postgresql://host/db?user=ada&password=***&sslmode=require",
            ),
            ("postgresql://host/db?password=MARKER@x", "postgresql://***@x"),
            ("postgresql://host:5432/db?password=MARKER@x", "postgresql://host:***@x"),
            ("mysql://ada@host/db", "mysql://ada@host/db"),
            ("mysql://ada:MARKER", "mysql://ada:***"),
            ("postgresql://a:5432,ada:MARKER/db", "postgresql://a:5432,ada:***/db"),
            ("amqp://[::1]:5672/v", "amqp://[::1]:5672/v"),
            ("sqlite:////var/lib/fanmail.db", "sqlite:////var/lib/fanmail.db"),
        ] {
            assert_eq!(masked(url, true).as_deref(), Some(shown));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for secret in ["MARKER", "ada:MARKER@host/db", "p/MARKER", ".MARKER!"] {
            assert_eq!(masked(secret, true), None, "{secret}");
        }
        assert_eq!(masked("data/fanmail.db", true).as_deref(), Some("data/fanmail.db"));
        assert_eq!(masked("True", false).as_deref(), Some("True"));
    }
}
