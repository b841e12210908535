//! Secrets and keys are changed in the middle of a fan-out, each time with a restart: links and bounce addresses of older mails go on
//! working, and each mail has signatures that are right.

use std::collections::BTreeSet;
use std::iter;

use crate::messages::{Ids, Way, of_event};
use crate::returned::Returned;
use crate::run::{LANES, Run};
use crate::unsubscribing::{hold, kill_while_held, press, with_links};
use crate::wanted::Wanted;
use crate::workers::Workers;
use testkit::dkim::{TestKey, verify};
use testkit::http::{form_request, status, try_send};
use testkit::scenario::{DOMAIN, EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::smtp::log::ReceivedMail;
use testkit::system::System;

const SECRETS: [&str; 3] = [
    "the-first-secret-of-a-scenario-that-is-long-enough",
    "the-second-secret-of-a-scenario-that-is-long-enough",
    "the-third-secret-of-a-scenario-that-is-long-enough",
];
const SELECTORS: [[&str; 2]; 3] = [["rsa1", "ed1"], ["rsa2", "ed2"], ["rsa3", "ed3"]];
/// So many mails are looked at.
const SAMPLE: usize = 60;

/// The variables of the secret and the keys with this number. Older secrets stay, and older keys go: their records stay in DNS.
fn variables(number: usize, keys: &[[TestKey; 2]]) -> Vec<(&'static str, String)> {
    let secrets: Vec<&str> = SECRETS[..=number].iter().rev().copied().collect();
    let [rsa, ed25519] = &keys[number];
    vec![
        ("UNSUBSCRIBE_SECRET", secrets.join(" ")),
        ("DKIM_SELECTOR", rsa.selector.to_owned()),
        ("DKIM_PRIVATE_KEY", rsa.private.clone()),
        ("DKIM_SELECTOR_2", ed25519.selector.to_owned()),
        ("DKIM_PRIVATE_KEY_2", ed25519.private.clone()),
    ]
}

/// Two changes, with kills and clean stops.
pub fn in_the_middle(run: &mut Run, system: System) {
    let people = run.size(300, 6_000);
    let keys = SELECTORS.map(|[rsa, ed25519]| [TestKey::rsa(rsa, 2048), TestKey::ed25519(ed25519)]);
    let mut setup = with_links(run.setup(system, people)).env("BOUNCE_ADDRESS", &format!("bounces@{DOMAIN}"));
    for (name, value) in variables(0, &keys) {
        setup = setup.env(name, &value);
    }
    let scenario = setup.build();
    let mut workers = Workers::start(&scenario, 1);
    for number in 1..SECRETS.len() {
        let first = run.random.usize(1..=people / SECRETS.len() - 10 * LANES);
        hold(run, &mut workers, first, |scenario| {
            if number == 1 {
                Way::Queue.send(scenario, &[of_event("UPDATED", EVENT, Ids::With)]);
            }
        });
        for (name, value) in variables(number, &keys) {
            workers.set(0, name, &value);
        }
        if run.random.bool() {
            kill_while_held(&mut workers);
        } else {
            workers.stop_while(0, |worker| {
                worker.wait_for_log("stopping");
                // The mails in flight come to their end.
                scenario.smtp.gate().close_after(Point::BeforeReply, 4 * LANES);
            });
        }
    }
    scenario.smtp.gate().open();
    let crashes = workers.finish_except_acks(1);
    run.check_except_acks(&scenario, 1, crashes);

    let mails = sample(run, scenario.smtp.log().received);
    let signed_by = |mail: &ReceivedMail, [selector, _]: [&str; 2]| {
        String::from_utf8_lossy(&mail.raw).contains(&format!("s={selector};"))
    };
    assert!(signed_by(&mails[0], SELECTORS[0]) && signed_by(&mails[mails.len() - 1], SELECTORS[2]));
    let records: Vec<_> = keys.iter().flatten().map(|key| key.record(DOMAIN)).collect();
    let texts: Vec<String> = mails.iter().map(|mail| String::from_utf8(mail.raw.to_vec()).unwrap()).collect();
    for (mail, found) in texts.iter().zip(verify(&records, &texts)) {
        assert_eq!(found, ["", ""], "{mail}");
    }
    check_links_and_bounces(&scenario, &mails, variables(2, &keys));
}

/// The first mail, the last one, and some between.
fn sample(run: &mut Run, mut mails: Vec<ReceivedMail>) -> Vec<ReceivedMail> {
    let (first, last) = (mails.remove(0), mails.pop().unwrap());
    let mut between = run.random.choose_multiple(mails, SAMPLE);
    between.sort_by_key(|mail| mail.at);
    iter::once(first).chain(between).chain([last]).collect()
}

/// Each of these mails unsubscribes its recipient, and comes back. Then the oldest secret is taken out: its links stop working.
fn check_links_and_bounces(
    scenario: &Scenario,
    mails: &[ReceivedMail],
    variables: Vec<(&'static str, String)>,
) {
    let places = Wanted::new(scenario, 1);
    let path = |mail: &ReceivedMail| mail.unsubscribe_path().unwrap();
    let mut workers = Workers::start_each(scenario, vec![variables]);
    let mut recipients = BTreeSet::new();
    let mut returned = Returned::new(scenario);
    for mail in mails {
        press(&mut workers, &path(mail), places.place(&mail.recipient), "List-Unsubscribe=One-Click");
        returned.add(&mail.sender);
        recipients.insert(&mail.recipient);
    }
    let suppressed = |reason: &str| scenario.ledger.count(&format!("suppressions WHERE reason = '{reason}'"));
    assert_eq!(suppressed("unsubscribed"), recipients.len());
    returned.read();
    assert_eq!(
        (scenario.ledger.outcomes("bounced"), suppressed("bounced")),
        (recipients.len(), recipients.len())
    );

    workers.set(0, "UNSUBSCRIBE_SECRET", SECRETS[2]);
    workers.stop(0);
    let newest = &mails[mails.len() - 1];
    press(&mut workers, &path(newest), places.place(&newest.recipient), "choice=all&do=stop");
    let request = form_request(&path(&mails[0]), "Accept: */*", "choice=all&do=stop");
    let response = try_send(workers.address(0), &request).unwrap();
    assert_eq!(status(&response), "404", "{response}");
    workers.finish(1);
}
