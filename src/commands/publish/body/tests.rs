//! What is published of a payload, and what is refused.

use super::*;

const ROUTES: &str = "on_unmatched = \"ignore\"\n[route.notice]\nmatch = \"student.*\"\nto = \"payload.email\"\ntemplate = \"notice\"\n";

fn prepare(
    payload: &str,
    routing_key: Option<&str>,
    routes: Option<&Arc<Routes>>,
) -> Result<Prepared, String> {
    let args = PublishArgs {
        payload: Some(payload.to_owned()),
        routing_key: routing_key.map(str::to_owned),
        ..PublishArgs::default()
    };
    Prepared::new(&args, routes)
}

fn some_routes() -> Arc<Routes> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("routes.toml");
    fs::write(&path, ROUTES).unwrap();
    Arc::new(Routes::load(&path).unwrap())
}

#[test]
fn a_payload_without_a_routing_key_is_a_message_for_fanmail() {
    let batch = r#"[{"recipients":["ada@example.com"],"message":"Hello"}]"#;
    let prepared = prepare(batch, None, None).unwrap();
    assert_eq!((prepared.what().as_str(), prepared.body.as_str()), ("NOTICE", batch));
    let text_key = prepare(r#"{"type":"UPDATED","event_id":"abc"}"#, None, None).unwrap();
    assert_eq!(text_key.what(), "UPDATED of event abc");
    let told = prepare(r#"{"student":7}"#, None, Some(&some_routes())).unwrap_err();
    assert!(told.contains("would be a dead letter") && told.ends_with("needs --routing-key"), "{told}");
    assert!(prepare("@/no/such/file", None, None).unwrap_err().contains("cannot read /no/such/file"));
}

#[test]
fn a_payload_with_a_routing_key_is_read_by_a_route_where_there_are_any() {
    let own = r#"{"student":7}"#;
    let unread = prepare(own, Some("student.created"), None).unwrap();
    assert_eq!((unread.message.as_ref(), unread.what().as_str()), (None, "a message of your own"));
    for bad in ["{", "[]", "7", &format!("[{}]", " ".repeat(66_000))] {
        let told = prepare(bad, Some("student.created"), None).unwrap_err();
        assert!(told.contains("would be a dead letter"), "{told}");
    }
    let told = prepare(own, Some("student.created"), Some(&some_routes())).unwrap_err();
    assert!(told.contains("the route \"notice\" of routes.toml") && told.contains("payload.email"), "{told}");
    let told = prepare(own, Some("course.created"), Some(&some_routes())).unwrap_err();
    assert!(told.contains("no route is for its routing key \"course.created\""), "{told}");
    let body = r#"{"email":"ada@example.com","message":"Hello"}"#;
    let message = prepare(body, Some("student.created"), Some(&some_routes())).unwrap().message.unwrap();
    assert_eq!((message.kind, message.recipients.unwrap().len()), (Kind::Notice, 1));
}
