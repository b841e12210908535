//! Access tokens from a token endpoint of the test: kept, renewed, refused.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use url::Url;

use super::*;
use crate::channels::Class;

/// A token endpoint that gives one response after the other, and repeats the last one.
pub(crate) struct TokenServer {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TokenServer {
    pub fn start(responses: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let mut client = client.unwrap();
                let mut reader = BufReader::new(client.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut form = vec![0; length];
                reader.read_exact(&mut form).unwrap();
                log.lock().unwrap().push(String::from_utf8(form).unwrap());
                let (status, body) = &responses[number.min(responses.len() - 1)];
                let head = format!(
                    "HTTP/1.1 {status} x\r\nLocation: /elsewhere\r\nContent-Length: {}\r\nConnection: close",
                    body.len()
                );
                client.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
            }
        });
        Self { port, requests }
    }

    /// The forms that it received.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// A client of this server with the secret `MARKER-1`, and perhaps a refresh token.
    pub fn client(&self, refresh_token: Option<&str>) -> OAuthClient {
        OAuthClient {
            token_url: Url::parse(&format!("http://127.0.0.1:{}/token?key=MARKER-0", self.port)).unwrap(),
            client_id: "fan mail".to_owned(),
            client_secret: Some(Secret::new("MARKER-1".to_owned())),
            scope: Some("https://mail.example.org/.default".to_owned()),
            refresh_token: refresh_token.map(|token| Secret::new(token.to_owned())),
        }
    }
}

pub(crate) fn granted(token: &str, expires_in: &str) -> (u16, String) {
    (200, format!(r#"{{"access_token":"{token}","token_type":"Bearer"{expires_in}}}"#))
}

fn text(token: Result<Secret, SendError>) -> String {
    token.unwrap().expose().to_owned()
}

#[test]
fn one_token_serves_all_lanes_until_shortly_before_its_end() {
    for (expires_in, good_for, renewed_after) in [
        (r#","expires_in":3600"#, 3299, 3301),
        (r#","expires_in":"3600""#, 3299, 3301),
        (r#","expires_in":100"#, 89, 91),
        // A default, when the server does not say it.
        ("", 3299, 3301),
        // A day at most.
        (r#","expires_in":1e300"#, 86_099, 86_101),
    ] {
        let server = TokenServer::start(vec![granted("one", expires_in), granted("two", expires_in)]);
        let tokens = AccessTokens::new(&server.client(None));
        let now = Instant::now();
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                let tokens = tokens.clone();
                thread::spawn(move || text(tokens.get(now)))
            })
            .collect();
        assert!(lanes.into_iter().all(|lane| lane.join().unwrap() == "one"));
        assert_eq!(text(tokens.get(now + Duration::from_secs(good_for))), "one", "{expires_in}");
        assert_eq!(server.requests().len(), 1);
        assert_eq!(text(tokens.get(now + Duration::from_secs(renewed_after))), "two", "{expires_in}");
        let form = "grant_type=client_credentials&client_id=fan+mail&client_secret=MARKER-1&\
                    scope=https%3A%2F%2Fmail.example.org%2F.default";
        let requests: Vec<String> = server.requests().iter().map(|form| form.replace("%20", "+")).collect();
        assert_eq!(requests, [form, form]);
    }
}

#[test]
fn a_new_refresh_token_replaces_the_old_one() {
    let rotated = (200, r#"{"access_token":"one","expires_in":10,"refresh_token":"second"}"#.to_owned());
    let server = TokenServer::start(vec![rotated, granted("two", "")]);
    let tokens = AccessTokens::new(&server.client(Some("first")));
    let now = Instant::now();
    assert_eq!(text(tokens.get(now)), "one");
    assert_eq!(text(tokens.get(now + Duration::from_secs(10))), "two");
    // Kept when none comes.
    tokens.refused(&Secret::new("two".to_owned()));
    assert_eq!(text(tokens.get(now)), "two");
    let grants: Vec<String> =
        server.requests().iter().map(|form| form.split('&').take(2).collect::<Vec<_>>().join("&")).collect();
    assert_eq!(
        grants,
        ["first", "second", "second"].map(|token| format!("grant_type=refresh_token&refresh_token={token}"))
    );
}

#[test]
fn a_token_that_the_relay_refused_is_renewed_once() {
    let server = TokenServer::start(vec![granted("one", ""), granted("two", "")]);
    let tokens = AccessTokens::new(&server.client(None));
    let now = Instant::now();
    let first = tokens.get(now).unwrap();
    // Four lanes presented it, and each is told.
    for _ in 0..4 {
        tokens.refused(&first);
        assert_eq!(text(tokens.get(now)), "two");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn while_a_token_is_good_a_failed_renewal_stops_nothing() {
    let server = TokenServer::start(vec![
        granted("one", r#","expires_in":1000"#),
        (503, String::new()),
        granted("two", ""),
    ]);
    let tokens = AccessTokens::new(&server.client(None));
    let now = Instant::now();
    let at = |seconds| text(tokens.get(now + Duration::from_secs(seconds)));
    assert_eq!((at(0), at(901), at(920)), ("one".to_owned(), "one".to_owned(), "one".to_owned()));
    assert_eq!(server.requests().len(), 2, "a pause after the failure");
    assert_eq!(at(935), "two");
}

#[test]
fn errors_say_what_to_check_and_show_no_secret() {
    let error = |error: &str, description: &str| {
        format!(r#"{{"error":"{error}","error_description":"{description}"}}"#)
    };
    for (status, body, expected) in [
        (
            401,
            error("invalid_client", "Bad secret MARKER-1\\r\\n for you"),
            "401, invalid_client: Bad secret … for you; check SMTP_OAUTH_CLIENT_ID",
        ),
        (
            400,
            error("invalid_grant", "token MARKER-2 was revoked"),
            "token … was revoked; the refresh token may be expired",
        ),
        (400, r#"{"error":"invalid_scope"}"#.to_owned(), "invalid_scope; check SMTP_OAUTH_SCOPE"),
        (400, error("unauthorized_client", "no"), "may not use this grant"),
        (
            200,
            error("invalid_request", "no"),
            "HTTP status 200, invalid_request: no; check the variables SMTP_OAUTH_…",
        ),
        (503, error("temporarily_unavailable", "busy"), "temporarily_unavailable: busy; fanmail tries again"),
        (404, "<html>MARKER-1</html>".to_owned(), "HTTP status 404; check SMTP_OAUTH_TOKEN_URL"),
        (302, String::new(), "HTTP status 302; check SMTP_OAUTH_TOKEN_URL"),
        (502, "bad gateway".to_owned(), "HTTP status 502"),
        (200, "<html>MARKER-1</html>".to_owned(), "not JSON with an access_token"),
        (200, r#"{"access_token":""}"#.to_owned(), "is no token"),
        (200, r#"{"access_token":"a\r\nb"}"#.to_owned(), "is no token"),
        (200, "x".repeat(100_000), "no access token from"),
    ] {
        let server = TokenServer::start(vec![(status, body)]);
        let refused = AccessTokens::new(&server.client(Some("MARKER-2"))).get(Instant::now()).unwrap_err();
        assert_eq!((refused.class, refused.code), (Class::RelayFailure, None));
        assert!(refused.detail.contains(expected), "{expected:?} is not in {:?}", refused.detail);
        assert!(refused.detail.contains(&format!("http://127.0.0.1:{}/token: ", server.port)), "{refused}");
        assert!(!refused.detail.contains("MARKER") && refused.detail.len() < 600, "{refused}");
        assert_eq!(server.requests().len(), 1, "no redirect is followed");
    }
}

#[test]
fn a_token_endpoint_that_is_away_is_a_relay_failure() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = TokenServer { port, requests: Arc::default() };
    let refused = AccessTokens::new(&server.client(None)).get(Instant::now()).unwrap_err();
    assert_eq!(refused.class, Class::RelayFailure);
    assert!(refused.detail.contains("login: no access token from http://127.0.0.1:"), "{refused}");
    assert!(!refused.detail.contains("MARKER"), "{refused}");
}

#[test]
fn lanes_that_waited_for_a_request_share_its_failure() {
    let server = TokenServer::start(vec![(503, String::new()), granted("one", "")]);
    let tokens = AccessTokens::new(&server.client(None));
    let before = Instant::now();
    let refused = tokens.get(before).unwrap_err();
    assert_eq!(tokens.get(before).unwrap_err(), refused);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(text(tokens.get(Instant::now())), "one", "a later call asks again");
}
