//! The pages over a database of their own, asked through the routes as a browser and a program ask.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::runtime::Builder;

mod buttons;

use super::*;
use crate::config::database::{Backend, DatabaseConfig};
use crate::config::http::HttpConfig;
use crate::config::secret::Secret;
use crate::http::client::Peer;
use crate::observe::health::Part;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};
use crate::store::Store;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A finished notification with failures whose words are hostile, and one that runs.
const ROWS: &str = "
    INSERT INTO events (id, title) VALUES (123, 'x');
    INSERT INTO participants (id, event_id, email) VALUES (1, 123, 'ann@example.com'), (2, 123, 'bob@example.com'), (3, 123, 'cy@example.com');
    INSERT INTO notifications (id, kind, event_id, audience, max_participant_id, state, received_at, message_key, completed_at, acked_at) VALUES
        (1, 'UPDATED', 123, 'event', 3, 'completed', '2026-11-21 09:00:00', 'id-<i>of ann@example.com', '2026-11-21 09:00:01', '2026-11-21 09:00:01'),
        (2, 'CANCELLED', 123, 'event', 3, 'running', '2026-11-21 09:01:00', NULL, NULL, NULL);
    INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at) VALUES
        (1, 1, 'failed', 1, 1, 550, '5.1.1 <script>alert(1)</script> <ann@example.com> unknown', '2026-11-21 09:00:01'),
        (1, 2, 'sent', 1, 0, NULL, NULL, '2026-11-21 09:00:01'),
        (1, 3, 'failed', 4, 0, 450, 'try later', '2026-11-21 09:00:01'),
        (2, 1, 'sent', 1, 0, NULL, NULL, '2026-11-21 09:01:01');";

struct Site {
    routes: Router,
    monitor: Monitor,
    _dir: tempfile::TempDir,
    _trigger: ShutdownTrigger,
}

/// The page of a worker without a broker.
pub fn page_of(
    monitor: Monitor,
    access: Access,
    database: RequestDatabase,
    shutdown: Shutdown,
) -> StatusPage {
    let sources = StatusSources {
        monitor,
        access,
        database,
        broker: RequestBroker::new(None),
        routes: None,
        shutdown,
        report_timeout: Duration::from_secs(60),
        sends: true,
    };
    StatusPage::new(sources).unwrap()
}

impl Site {
    fn new(addr: &str, token: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite(dir.path().join("page.db"));
        let store = Store::connect(&DatabaseConfig { backend, echo: false, default_file: None }, 1).unwrap();
        store.migrate().unwrap();
        let mut connection =
            SqliteConnection::establish(dir.path().join("page.db").to_str().unwrap()).unwrap();
        connection.batch_execute(ROWS).unwrap();
        let database = RequestDatabase::default();
        database.open(&store);
        Self::over(database, addr, token, dir)
    }

    fn over(database: RequestDatabase, addr: &str, token: Option<&str>, dir: tempfile::TempDir) -> Self {
        let (monitor, (trigger, shutdown)) = (Monitor::default(), shutdown_pair());
        let tokens = token.map(|token| Secret::new(token.to_owned())).into_iter().collect();
        let access = Access::new(&HttpConfig { addr: Some(addr.parse().unwrap()), tokens });
        let page = page_of(monitor.clone(), access, database, shutdown);
        Self { routes: page.routes(), monitor, _dir: dir, _trigger: trigger }
    }

    /// Status, headers and body.
    fn ask(&self, request: Request<Body>) -> (u16, HeaderMap, String) {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let mut request = request;
        request.extensions_mut().insert(Peer([127, 0, 0, 1].into()));
        runtime.block_on(async {
            let response = TowerToHyperService::new(self.routes.clone()).call(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
        let request =
            headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(Body::empty()).unwrap())
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> (u16, HeaderMap, String) {
        let request =
            headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(Body::from(form.to_owned())).unwrap())
    }

    fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path, &[]);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[test]
fn words_of_others_are_escaped_and_addresses_masked() {
    let site = Site::new("127.0.0.1:9090", None);
    site.monitor.health.set_problem(Part::Relay, "down: <img src=x> <ann@example.com>; \"a\"".to_owned());
    for path in ["/", "/notifications/1", "/notifications/2"] {
        let (status, headers, html) = site.get(path, &[]);
        assert_eq!(status, 200, "{html}");
        for hostile in ["<script", "<img", "<i>", "ann@example.com"] {
            assert!(!html.contains(hostile), "{path}: {html}");
        }
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert_eq!(headers["refresh"], "5");
        assert!(!html.contains(" style=") && !html.contains("<form"), "{html}");
    }
    let (_, _, html) = site.get("/", &[]);
    for expected in [
        "<h1>Mails are not sent: the relay has a problem</h1>",
        "relay: down: &lt;img src=x&gt; &lt;a***@example.com&gt;",
        "<code>fanmail check</code>",
        "1 of 3 (33 %)",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<code>fanmail worker</code>",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let (_, headers, html) = site.get("/?refresh=off", &[]);
    assert!(
        !headers.contains_key("refresh") && html.contains("<a href=\"/\">Refresh every 5 seconds</a>"),
        "{html}"
    );
    let (_, _, html) = site.get("/notifications/1", &[]);
    assert!(html.contains("<code>fanmail retry --notification 1 --permanent-too</code>"), "{html}");
    for unknown in
        ["/notifications/3", "/notifications/x", "/notifications/-1", "/notifications/99999999999999999999"]
    {
        assert_eq!(site.get(unknown, &[]).0, 404, "{unknown}");
    }
}

#[test]
fn programs_get_the_same_as_json() {
    let site = Site::new("127.0.0.1:9090", None);
    let status = site.json("/api/status");
    assert_eq!(status["verdict"]["level"], "note");
    assert_eq!(status["this_worker"]["breaker"], "closed");
    assert_eq!(status["dead_letters"], serde_json::Value::Null);
    assert_eq!(status["running"][0]["pending"], 2);
    assert_eq!(status["notifications"], site.json("/api/notifications"));
    assert_eq!(status["notifications"][0]["failed"], 2);
    assert_eq!(site.json("/api/workers"), serde_json::json!([]));
    let one = site.json("/api/notifications/1");
    assert_eq!((&one["state"], &one["failures"][0]["smtp_code"]), (&"completed".into(), &550.into()));
    let of_all = site.json("/api/failures");
    assert_eq!(of_all, one["failures"]);
    let address = &of_all[0]["examples"][0]["address"];
    assert_eq!(address, "a***@example.com");
    assert_eq!(site.get("/api/notifications/7", &[]).0, 404);
}

#[test]
fn without_a_database_the_page_says_what_this_process_knows() {
    let site = Site::over(RequestDatabase::default(), "127.0.0.1:1", None, tempfile::tempdir().unwrap());
    site.monitor.health.set_problem(Part::Database, "connection refused".to_owned());
    let (status, _, html) = site.get("/", &[]);
    assert_eq!(status, 503);
    assert!(html.contains("<h1>The database does not answer</h1>"), "{html}");
    assert!(html.contains("database: connection refused") && !html.contains("<table"), "{html}");
    let (status, headers, body) = site.get("/api/status", &[]);
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (503, "5"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["verdict"]["problems"][0], "database: connection refused");
}

#[test]
fn people_sign_in_with_the_token_and_are_led_back() {
    let site = Site::new("0.0.0.0:9090", Some(TOKEN));
    let browser = ("accept", "text/html,application/xhtml+xml");
    let (status, headers, _) = site.get("/notifications/1", &[browser]);
    assert_eq!((status, headers[LOCATION].to_str().unwrap()), (303, "/sign-in?next=%2Fnotifications%2F1"));
    assert_eq!(site.get("/api/status", &[]).0, 401);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(site.get("/api/status", &[("authorization", &bearer)]).0, 200);
    let (status, _, html) = site.get("/sign-in?next=%2Fnotifications%2F1", &[browser]);
    assert!(status == 200 && html.contains("value=\"/notifications/1\""), "{html}");
    let (status, headers, html) = site.post("/sign-in", &[], "next=//evil.example&token=abc");
    assert!(
        status == 403 && html.contains("This is not the token.") && !headers.contains_key(SET_COOKIE),
        "{html}"
    );
    let (status, headers, _) =
        site.post("/sign-in", &[], &format!("next=%2Fnotifications%2F1&token=+{TOKEN}"));
    assert_eq!((status, headers[LOCATION].to_str().unwrap()), (303, "/notifications/1"));
    let cookie = headers[SET_COOKIE].to_str().unwrap();
    let pair = cookie.split(';').next().unwrap();
    let (status, _, html) = site.get("/notifications/1", &[browser, (COOKIE.as_str(), pair)]);
    assert!(status == 200 && html.contains("Sign out"), "{html}");
    let (status, headers, _) = site.post("/sign-out", &[(COOKIE.as_str(), pair)], "");
    assert!(status == 303 && headers[SET_COOKIE].to_str().unwrap().contains("=; Path=/; Max-Age=0"));
    let tries = (0..20).map(|_| site.post("/sign-in", &[], "token=abc").0);
    assert!(tries.filter(|status| *status == 429).count() >= 8);
}

#[test]
fn without_a_token_nobody_signs_in() {
    let closed = Site::new("0.0.0.0:9090", None);
    for path in ["/", "/api/status", "/sign-in"] {
        let (status, _, body) = closed.get(path, &[("accept", "text/html")]);
        assert!(status == 403 && body.contains("HTTP_TOKEN is not set"), "{path}: {body}");
    }
    assert_eq!(closed.post("/sign-in", &[], "token=").0, 403);
    let local = Site::new("127.0.0.1:9090", None);
    assert_eq!(local.get("/", &[("host", "evil.example")]).0, 403);
}

/// Readers who come together cost one query.
#[test]
fn what_was_read_is_kept_for_a_moment() {
    let site = Site::new("127.0.0.1:9090", None);
    let first = site.json("/api/status")["read_at"].clone();
    let later = (0..50).map(|_| site.json("/api/status")["read_at"].clone());
    assert!(later.filter(|at| *at == first).count() >= 40);
}
