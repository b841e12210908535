//! Answers for every fate of a mail, as people read them.

use super::*;
use crate::domain::outcome::Verdict;
use crate::report::explain::text::to_text;
use crate::report::notifications::tests::line;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::store::person::entries::{DeferralEntry, OutcomeEntry};
use crate::text::screen::Screen;

fn outcome(status: &str, code: Option<i32>, detail: &str) -> OutcomeEntry {
    OutcomeEntry {
        status: status.to_owned(),
        attempts: 1,
        permanent: code == Some(550),
        smtp_code: code,
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        decided_at: "2026-11-21T09:00:02".parse().unwrap(),
        reported_code: None,
        reported_at: None,
    }
}

fn answer(
    state: NotificationState,
    number: i64,
    outcome: Option<OutcomeEntry>,
    deferral: Option<DeferralEntry>,
) -> MailAnswer {
    answer_of(&line(72, state, [250, 0, 0, 0, 250]).record, number, outcome, deferral)
}

fn answer_of(
    record: &NotificationRecord,
    number: i64,
    outcome: Option<OutcomeEntry>,
    deferral: Option<DeferralEntry>,
) -> MailAnswer {
    let number = ParticipantId(number);
    let (key, number, listing) = (PersonKey::Number(number), Some(number), None);
    MailAnswer::of(Facts { record, key, number, listing, outcome, deferral })
}

fn explanation(notifications: Vec<MailAnswer>) -> Explanation {
    let event = Some(EventId::Number(123));
    Explanation {
        address: Some("ada@example.org".to_owned()),
        participants: vec![OfEvent { event, participant: "42".to_owned(), has_address: true }],
        users: vec!["7".to_owned()],
        suppressions: Vec::new(),
        soft_bounces: 0,
        notifications,
        older: 0,
        of_event: None,
    }
}

/// A line for each answer, and one for what can be done.
fn sentences(answers: Vec<MailAnswer>) -> String {
    let line = |answer: MailAnswer| {
        let advice = answer.advice.map_or_else(String::new, |advice| format!("\n    {advice}"));
        format!("{}: {}{advice}\n", answer.outcome, answer.explanation)
    };
    answers.into_iter().map(line).collect()
}

#[test]
fn every_outcome_is_a_sentence() {
    let done = NotificationState::Completed;
    let decided = |status, code, detail| answer(done, 42, Some(outcome(status, code, detail)), None);
    let bounced = OutcomeEntry {
        reported_code: Some("5.1.1".to_owned()),
        reported_at: Some("2026-11-21T09:01:00".parse().unwrap()),
        ..outcome("bounced", Some(250), "250 2.0.0 Ok: queued as 4cZ1kM0Qz2z1")
    };
    let deferral = DeferralEntry {
        tries: 2,
        next_try_at: "2026-11-21T10:00:00".parse().unwrap(),
        smtp_code: Some(450),
        detail: Some("450 4.2.0 <a***@example.org>: greylisted".to_owned()),
    };
    let answers = vec![
        decided("sent", Some(250), "250 2.0.0 Ok: queued as 4cZ1kM0Qz2z1"),
        decided("sent", None, ""),
        decided("sent", None, Verdict::DRY_RUN),
        decided("failed", Some(550), "550 5.1.1 <a***@example.org>: no such user\u{1b}[2J"),
        decided("failed", Some(550), "550 5.7.1 Service unavailable; Client host blocked"),
        decided("failed", None, ""),
        answer(done, 42, Some(bounced.clone()), None),
        answer(done, 42, Some(OutcomeEntry { status: "complained".to_owned(), ..bounced }), None),
        answer(done, 42, None, Some(deferral.clone())),
        answer(
            done,
            42,
            None,
            Some(DeferralEntry { detail: Some("450 4.7.1 Client host rejected".to_owned()), ..deferral }),
        ),
        decided("gone", None, ""),
    ];
    insta::assert_snapshot!(sentences(answers), @r"
    sent: sent 2026-11-21 09:00:02Z, 1 attempt; the relay took it: 250 2.0.0 Ok: queued as 4cZ1kM0Qz2z1
    sent: sent 2026-11-21 09:00:02Z, 1 attempt
    sent: not sent: dry-run mode, 2026-11-21 09:00:02Z
        to send it: fanmail retry --notification 72 --dummy-too
    failed: failed permanently 2026-11-21 09:00:02Z, 1 attempt: 550 5.1.1 <a***@example.org>: no such user [2J
        correct the address, then send with: fanmail retry --notification 72 --permanent-too
    failed: failed permanently 2026-11-21 09:00:02Z, 1 attempt: 550 5.7.1 Service unavailable; Client host blocked
        the relay may mean you and not the address: ask the operator of the relay why it blocks this machine or this account, then send with: fanmail retry --notification 72 --permanent-too
    failed: failed temporarily 2026-11-21 09:00:02Z, 1 attempt: no reason is recorded
        once the cause is gone, send again with: fanmail retry --notification 72
    bounced: came back 2026-11-21 09:01:00Z (5.1.1): sent 2026-11-21 09:00:02Z, 1 attempt, and no mailbox has it
        the address gets no further mail; see: fanmail suppressions list
    complained: sent 2026-11-21 09:00:02Z, 1 attempt; the recipient has called it spam 2026-11-21 09:01:00Z (5.1.1)
        the address gets no further mail; see: fanmail suppressions list
    deferred: deferred 2 times, the next attempt is due 2026-11-21 10:00:00Z: 450 4.2.0 <a***@example.org>: greylisted
        a worker tries it again; at once: fanmail retry --notification 72
    deferred: deferred 2 times, the next attempt is due 2026-11-21 10:00:00Z: 450 4.7.1 Client host rejected
        the relay may mean you and not the address: ask the operator of the relay why it blocks this machine or this account; a worker tries it again; at once: fanmail retry --notification 72
    unknown: gone 2026-11-21 09:00:02Z
    ");
}

#[test]
fn everybody_who_was_skipped_is_told_why() {
    let skipped =
        |detail: &str| answer(NotificationState::Completed, 42, Some(outcome("skipped", None, detail)), None);
    let answers = [
        Verdict::NO_ADDRESS,
        "same address as 17",
        "superseded by 73",
        "unsubscribed",
        "opted-out",
        "bounced",
        "erased",
        Verdict::NOT_ALLOWED,
        Verdict::NOTHING_CHANGED,
        Verdict::CANCELLED,
        "has left the event",
        "",
    ];
    insta::assert_snapshot!(sentences(answers.map(skipped).into()), @r"
    skipped: skipped 2026-11-21 09:00:02Z: the participant had no address
        add the address, then send with: fanmail retry --notification 72 --permanent-too
    skipped: skipped 2026-11-21 09:00:02Z: participant 17 has the same address, and the mail went there
    skipped: skipped 2026-11-21 09:00:02Z: notification 73 of the same event came meanwhile, and says what there is to say
    skipped: skipped 2026-11-21 09:00:02Z: the address is unsubscribed
        if the person wants mail again, lift that (fanmail suppressions remove), then send with: fanmail retry --notification 72 --permanent-too
    skipped: skipped 2026-11-21 09:00:02Z: the application says in optouts that the address wants no mail
    skipped: skipped 2026-11-21 09:00:02Z: the address gets no mail, because an earlier one came back
        if the person wants mail again, lift that (fanmail suppressions remove), then send with: fanmail retry --notification 72 --permanent-too
    skipped: skipped 2026-11-21 09:00:02Z: what was known of the person is erased
    skipped: skipped 2026-11-21 09:00:02Z: the domain of the address is not in EMAIL_ALLOW_DOMAINS
    skipped: skipped 2026-11-21 09:00:02Z: the last mail of the event said the same already
    skipped: skipped 2026-11-21 09:00:02Z: the event was cancelled meanwhile
    skipped: skipped 2026-11-21 09:00:02Z: has left the event
    skipped: skipped 2026-11-21 09:00:02Z: no reason is recorded
    ");
}

#[test]
fn what_is_not_decided_depends_on_the_state() {
    let waiting = line(72, NotificationState::Waiting, [250, 0, 0, 0, 250]).record;
    let at = Some("2026-11-21T09:05:00".parse().unwrap());
    let coalescing = NotificationRecord { coalescing_since: at, not_before: at, ..waiting.clone() };
    let set_aside = line(72, NotificationState::SetAside, [250, 0, 0, 0, 250]).record;
    let set_aside = NotificationRecord { not_before: at, ..set_aside };
    let mut answers: Vec<MailAnswer> =
        [waiting, coalescing, set_aside].iter().map(|record| answer_of(record, 42, None, None)).collect();
    for state in [NotificationState::Running, NotificationState::Abandoned, NotificationState::Completed] {
        answers.push(answer(state, 42, None, None));
    }
    let ended = line(72, NotificationState::Completed, [0, 0, 0, 0, 0]).record;
    let ended = NotificationRecord { superseded_by: Some(NotificationId(73)), ..ended };
    answers.push(answer_of(&ended, 42, None, None));
    // The largest key was 250 when the message arrived.
    answers.push(answer(NotificationState::Running, 251, None, None));
    insta::assert_snapshot!(sentences(answers), @r"
    pending: not yet: a worker has the message, and has not begun to send
    pending: not yet: the notification waits for further updates of its event until 2026-11-21 09:05:00Z
    pending: not yet: the notification is set aside, because its event cannot be read: division by zero; it is tried again 2026-11-21 09:05:00Z
        correct the data; then a worker sends it, or at once: fanmail retry --notification 72
    pending: not yet: the notification is being sent; if the relay has refused this mail for now, a worker tries it again within minutes, and then this says why
    pending: no mail: the notification is abandoned, because event 123 is not in the database
        if it is to be sent all the same: fanmail retry --notification 72
    pending: no mail: the notification is completed, and nothing is recorded about this person, who was added with a lower key than others, or was to be sent it by a retry that was interrupted
        send with: fanmail retry --notification 72
    none: no mail: notification 73 of the same event came before this one had begun, and says what there is to say
    none: no mail: the person became a participant after the message had arrived, and is not part of the notification
    ");
}

#[test]
fn one_screen_says_who_it_is_and_what_stands_in_the_way() {
    let sent = outcome("sent", Some(250), "250 2.0.0 Ok: queued as 4cZ1kM0Qz2z1");
    let mails = vec![
        answer(NotificationState::Running, 42, None, None),
        answer(NotificationState::Completed, 42, Some(sent), None),
    ];
    let suppression = ShownSuppression {
        scope: "all".to_owned(),
        reason: "unsubscribed".to_owned(),
        source: "link".to_owned(),
        since: Some("2026-11-20T08:00:00.000Z".to_owned()),
    };
    let known = Explanation {
        suppressions: vec![
            suppression.clone(),
            ShownSuppression { scope: "event:123".to_owned(), since: None, ..suppression },
        ],
        soft_bounces: 2,
        older: 3,
        ..explanation(mails)
    };
    insta::assert_snapshot!(to_text(&known, "ada@example.org", Screen::PLAIN), @r"
    ada@example.org: participant 42 of event 123; user 7
    suppressed: no mail but cancellations (unsubscribed, from link) since 2026-11-20; to lift that: fanmail suppressions remove ada@example.org
    suppressed: no mail of event:123 (unsubscribed, from link)
    2 mails came back in the last 30 days for a reason that may pass; the third one suppresses the address

    notification 72: UPDATED of event 123, received 2026-11-21 09:00:00Z, running, participant 42
        not yet: the notification is being sent; if the relay has refused this mail for now, a worker tries it again within minutes, and then this says why

    notification 72: UPDATED of event 123, received 2026-11-21 09:00:00Z, completed, participant 42
        sent 2026-11-21 09:00:02Z, 1 attempt; the relay took it: 250 2.0.0 Ok: queued as 4cZ1kM0Qz2z1

    and 3 older notifications; show more with --limit
    ");
    let none = Explanation { participants: Vec::new(), users: Vec::new(), ..explanation(Vec::new()) };
    insta::assert_snapshot!(to_text(&none, "zoe@example.org", Screen::PLAIN), @"zoe@example.org: nobody. No participant and no user has it, and the ledger has no mail to it. Is it written so in your tables? If the row was deleted, or has another address now, ask by its key: fanmail explain --participant KEY");
    let by_key = Explanation { address: None, ..none };
    insta::assert_snapshot!(to_text(&by_key, "participant 9", Screen::PLAIN), @"participant 9: nobody. No participant and no user has it, and the ledger has no mail to it. Is that its key in your table participants? fanmail explain ADDRESS finds keys by an address");
    insta::assert_snapshot!(to_text(&explanation(Vec::new()), "ada@example.org", Screen::PLAIN), @r"
    ada@example.org: participant 42 of event 123; user 7

    No notification concerns this person yet.
    ");
    let of_event = Explanation { of_event: Some(EventId::Number(124)), ..by_key };
    insta::assert_snapshot!(to_text(&of_event, "ada@example.org", Screen::PLAIN), @"ada@example.org: nobody in event 124. No participant of that event has it, and no notification of that event concerns it. Ask without --event to see other events");
    insta::assert_snapshot!(serde_json::to_string(&explanation(vec![answer(NotificationState::Running, 42, None, None)])).unwrap(), @r#"{"address":"ada@example.org","participants":[{"event":123,"participant":"42","has_address":true}],"users":["7"],"suppressions":[],"soft_bounces":0,"notifications":[{"notification":72,"event":123,"type":"UPDATED","state":"running","received_at":"2026-11-21T09:00:00.250Z","participant":42,"outcome":"pending","dry_run":false,"permanent":null,"attempts":null,"smtp_code":null,"detail":null,"decided_at":null,"next_try_at":null,"reported_code":null,"reported_at":null,"superseded_by":null,"explanation":"not yet: the notification is being sent; if the relay has refused this mail for now, a worker tries it again within minutes, and then this says why","advice":null}],"older":0}"#);
}

#[test]
fn a_terminal_gets_lines_that_fit_and_colours() {
    let failed = answer(
        NotificationState::Completed,
        42,
        Some(outcome(
            "failed",
            Some(550),
            "550 5.1.1 <a***@example.org>: no such user in local recipient table",
        )),
        None,
    );
    let screen = Screen { width: Some(60), has_colors: true };
    let text = to_text(&explanation(vec![failed]), "ada@example.org", screen).replace('\u{1b}', "ESC");
    insta::assert_snapshot!(text, @r"
    ada@example.org: participant 42 of event 123; user 7

    notification 72: UPDATED of event 123, received 2026-11-21
      09:00:00Z, completed, participant 42
        ESC[1mESC[31mfailed permanentlyESC[0m 2026-11-21 09:00:02Z, 1 attempt: 550
        5.1.1 <a***@example.org>: no such user in local
        recipient table
        correct the address, then send with:
        fanmail retry --notification 72 --permanent-too
    ");
}
