//! An event with its mails, from the message to the calendar of a participant.

use serde_json::json;

use testkit::calendar;
use testkit::queue::properties;
use testkit::scenario::Scenario;

/// The event moves before it is cancelled. Each of its participants has no entry in the end.
#[test]
fn mails_add_change_and_remove_an_entry() {
    let scenario = Scenario::with_relay("calendar", 3).build();
    let people = scenario.people();
    let worker = scenario.worker();
    for (number, (kind, start)) in [
        ("event_created", "2026-12-24T18:00:00+01:00"),
        ("event_updated", "2026-12-25T19:00:00+01:00"),
        ("event_cancelled", "2026-12-25T19:00:00+01:00"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"type": kind, "event": {
            "event_id": 123, "event_name": "Rooftop Cinema", "timezone": "Europe/Berlin", "start_time": start,
        }});
        scenario.queue.publish_raw(body.to_string().as_bytes(), properties(Some(&format!("m-{number}"))));
        scenario.wait_for_acks(number + 1);
    }
    let mails: Vec<(String, String)> = scenario.smtp.read_log(|log| {
        let mail = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        log.received.iter().map(|received| (received.recipient.clone(), mail(&received.raw))).collect()
    });
    for person in people {
        let of_person = mails.iter().filter(|(recipient, _)| *recipient == person.email);
        let entries = calendar::read_mails(&of_person.map(|(_, mail)| mail.clone()).collect::<Vec<_>>());
        let attendee = format!("mailto:{}", person.email);
        assert!(entries.iter().all(|entry| entry["attendees"][0]["address"] == attendee), "{entries:?}");
        let texts: Vec<&str> = entries.iter().map(|entry| entry["ics"].as_str().unwrap()).collect();
        let (moved, gone) = (calendar::take(&texts[..2]), calendar::take(&texts));
        assert_eq!(moved["shown"][0]["start"], "2026-12-25T18:00:00.000Z", "{moved}");
        let actions: Vec<&str> =
            gone["taken"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(
            (actions.as_slice(), &gone["shown"]),
            (["added", "changed", "removed"].as_slice(), &json!([]))
        );
    }
    scenario.stop_and_check(worker);
}
