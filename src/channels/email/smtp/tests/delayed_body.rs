//! A body that waits because the commit before it takes long.

use super::*;

#[test]
fn a_body_that_was_delayed_goes_to_a_new_connection() {
    let until_body = script(PIPELINING, &[OK, OK, GO_ON, HANG_UP]);
    let one_before = script(PIPELINING, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, HANG_UP]);
    let all = script(PIPELINING, &[OK, OK, GO_ON, OK]);
    // On a new connection, and on one that has carried a mail before.
    for (scripts, mails_before) in [(vec![until_body, all.clone()], 0), (vec![one_before, all], 1)] {
        let relay = ScriptedRelay::start(scripts);
        let mut transport = relay.transport();
        transport.max_data_wait = Duration::from_secs(1);
        for _ in 0..mails_before {
            assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        }
        let mut waits = 0;
        let result = transport.submit(&mail("b@example.com"), None, &mut || {
            if waits == 0 {
                thread::sleep(Duration::from_millis(1100));
            }
            waits += 1;
            true
        });
        assert_eq!((result, waits), (Ok(()), 2));
        drop(transport);
        let bodies = |lines: &Vec<String>| lines.iter().filter(|line| line.contains("Subject:")).count();
        assert_eq!(relay.received().iter().map(bodies).collect::<Vec<_>>(), [mails_before, 1]);
    }
}

#[test]
fn a_body_that_is_delayed_twice_is_neither_the_relays_nor_the_mails_failure() {
    let until_body = || script(PIPELINING, &[OK, OK, GO_ON, HANG_UP]);
    let relay = ScriptedRelay::start(vec![until_body(), until_body()]);
    let mut transport = relay.transport();
    transport.max_data_wait = Duration::ZERO;
    let (result, waits) = submit(&mut transport, "a@example.com");
    let error = result.unwrap_err();
    assert_eq!((error.class, error.code, waits), (Class::BodyDelayed, None, 2));
    assert!(!error.is_relay_failure() && !error.proves_relay_works() && !error.is_ambiguous());
    drop(transport);
    assert!(relay.received().iter().flatten().all(|line| !line.contains("Subject:")));
}
