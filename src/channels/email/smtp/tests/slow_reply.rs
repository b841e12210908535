//! A reply to a body that takes seconds, with an envelope behind the body.

use std::time::Instant;

use super::*;

/// Takes the next mail back when the reply is slow, as a lane does while another lane is idle.
struct TakeBack {
    begun: Instant,
    asked_after: Vec<Duration>,
    takes_back_at: usize,
}

impl SubmitCallbacks for TakeBack {
    fn before_body(&mut self) -> bool {
        self.begun = Instant::now();
        true
    }

    fn reply_is_slow(&mut self) -> bool {
        self.asked_after.push(self.begun.elapsed());
        self.asked_after.len() == self.takes_back_at
    }
}

fn submit_slowly(transport: &mut SmtpTransport, next: &Mail, takes_back_at: usize) -> Vec<Duration> {
    let mut callbacks = TakeBack { begun: Instant::now(), asked_after: Vec::new(), takes_back_at };
    assert_eq!(transport.submit(&mail("a@example.com"), Some(next), &mut callbacks), Ok(()));
    callbacks.asked_after
}

const BEHIND: [&str; 4] = ["++++~250 ok", "~250 ok", "~250 ok", GO_ON];

#[test]
fn a_mail_that_was_taken_back_gets_no_body_on_its_first_connection() {
    let server = ScriptedRelay::start(vec![
        script(PIPELINING, &[&[OK, OK, GO_ON], &BEHIND[..], &[OK]].concat()),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = server.transport();
    let next = mail("b@example.com");
    let asked_after = submit_slowly(&mut transport, &next, 2);
    assert_eq!(asked_after.len(), 2, "asked each second after two, and not again: {asked_after:?}");
    assert!(asked_after[0] >= Duration::from_secs(2), "{asked_after:?}");
    // Another lane sends it; here it comes back to the same one. The connection on which it was announced is closed.
    assert_eq!(transport.submit(&next, None, &mut || true), Ok(()));
    drop(transport);
    let received = server.received();
    let bodies = |lines: &Vec<String>| lines.iter().filter(|line| line.contains("Subject:")).count();
    assert_eq!(received.iter().map(bodies).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(received[0].last().unwrap(), "DATA", "{received:?}");
}

#[test]
fn without_an_idle_lane_the_announced_mail_keeps_its_connection() {
    let server =
        ScriptedRelay::start(vec![script(PIPELINING, &[&[OK, OK, GO_ON], &BEHIND[..], &[OK]].concat())]);
    let mut transport = server.transport();
    let next = mail("b@example.com");
    let asked_after = submit_slowly(&mut transport, &next, 0);
    assert!(asked_after.len() >= 2, "{asked_after:?}");
    assert_eq!(transport.submit(&next, None, &mut || true), Ok(()));
}
