//! The log as a log collector reads it, and as the person on call does.

use amiquip::{AmqpProperties, AmqpValue};
use serde_json::Value;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::subscriber::Subscriber;

const LANES: usize = 2;
const PEOPLE: u64 = 50;
/// The mails that the first worker is allowed to send.
const FIRST: usize = 10;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

fn with_trace(properties: AmqpProperties) -> AmqpProperties {
    let header = ("traceparent".to_owned(), AmqpValue::LongString(traceparent()));
    properties.with_headers([header].into_iter().collect())
}

/// All lines, each of which is JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The line about the notification whose message contains `text`.
#[track_caller]
fn line<'a>(lines: &'a [Value], text: &str) -> &'a Value {
    let is_it = |line: &&Value| line["message"].as_str().unwrap().contains(text);
    let found: Vec<&Value> = lines.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{text}: {lines:?}");
    found[0]
}

fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or_else(|| panic!("{name}: {line}"))
}

/// Every line about the notification names its trace, whatever the worker knows of it.
#[track_caller]
fn check_traced(lines: &[Value]) {
    let about: Vec<_> = lines.iter().filter(|line| line["notification"] == 1).collect();
    assert!(!about.is_empty(), "{lines:?}");
    for line in about {
        assert_eq!(
            (&line["trace_id"], &line["span_id"]),
            (&TRACE.into(), &"00f067aa0ba902b7".into()),
            "{line}"
        );
    }
}

/// The worker is killed after some mails. The message comes again, and with it its trace.
#[test]
fn a_json_log_tells_of_the_whole_notification_and_its_trace_after_a_crash() {
    let scenario = Scenario::with_relay("json-log", usize::try_from(PEOPLE).unwrap())
        .connections(LANES)
        .env("LOG_FORMAT", "json")
        .env("REPLIES", "True")
        // So that the rest takes three seconds, and has a line about its progress.
        .env("SMTP_RATE", "13/s")
        .build();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    scenario.smtp.gate().close_after(Point::BeforeReply, FIRST);
    let body = format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#);
    scenario.queue.publish_raw(body.as_bytes(), with_trace(subscriber.asks("m-1", "r-1")));
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    let log = worker.kill();
    scenario.check_redacted(&log);
    check_traced(&lines(&log));
    scenario.wait_until_held(0);

    scenario.smtp.gate().open();
    let worker = scenario.worker();
    let reply = subscriber.next();
    let header = reply.properties.headers().as_ref().and_then(|headers| headers.get("traceparent").cloned());
    assert_eq!(header, Some(AmqpValue::LongString(traceparent())));
    scenario.wait_for_acks(1);
    scenario.queue.publish_raw(b"no JSON", with_trace(properties(Some("bad"))));
    worker.wait_for_log("message moved to ");
    let log = lines(&worker.stop().err);
    check_traced(&log);
    let completed = line(&log, " completed: ");
    assert_eq!((&completed["event"], &completed["kind"]), (&EVENT.into(), &"UPDATED".into()));
    assert_eq!((number(completed, "sent"), number(completed, "failed")), (PEOPLE, 0), "{completed}");
    let run_sent = number(completed, "run_sent");
    assert!((1..PEOPLE).contains(&run_sent), "{completed}");
    let told = format!(
        "50 sent, 0 failed, 0 skipped; since it was resumed: {run_sent} sent, 0 failed, 0 skipped in "
    );
    assert!(completed["message"].as_str().unwrap().contains(&told), "{completed}");
    assert!(completed["seconds"].as_f64().unwrap() > 1.0, "{completed}");
    let progress = log.iter().find(|line| line["done"].is_u64()).expect("a line about the progress");
    assert_eq!(number(progress, "total"), PEOPLE, "{progress}");
    assert!(
        number(progress, "done") > PEOPLE - run_sent && progress["rate"].as_f64().unwrap() > 1.0,
        "{progress}"
    );
    let dead_letter = line(&log, "message moved to ");
    assert_eq!((&dead_letter["level"], &dead_letter["trace_id"]), (&"WARN".into(), &TRACE.into()));
    assert_eq!(dead_letter["message_id"], "bad");
}
