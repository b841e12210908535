//! How long the reply to a body may take, and all other replies.

use super::*;

fn transport(server: &ScriptedRelay, timeout: u64, data_timeout: u64) -> SmtpTransport {
    let [timeout, data_timeout] = [timeout, data_timeout].map(Duration::from_millis);
    let relay = Relay { timeout, data_timeout, ..Relay::on_loopback(server.port) };
    SmtpTransport::new(RelayConnector::new(&relay).unwrap())
}

#[test]
fn the_reply_to_a_body_may_take_longer_than_other_replies() {
    // With and without an envelope behind the body.
    let behind = ["+~250 ok", "~250 ok", "~250 ok", GO_ON];
    for (next, late) in [(None, &["+250 ok"][..]), (Some(mail("b@example.com")), &behind)] {
        let server = ScriptedRelay::start(vec![script(PIPELINING, &[&[OK, OK, GO_ON], late].concat())]);
        let mut transport = transport(&server, 300, 10_000);
        assert_eq!(transport.submit(&mail("a@example.com"), next.as_ref(), &mut || true), Ok(()));
    }
}

#[test]
fn each_timeout_is_named_by_its_variable() {
    // The reply comes a second late.
    let body = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, "+250 ok"])]);
    let error = submit(&mut transport(&body, 500, 300), "a@example.com").0.unwrap_err();
    assert_eq!(error.class, Class::Ambiguous);
    assert_eq!(
        error.detail,
        "no reply to the body, the relay may have it: no answer within SMTP_DATA_TIMEOUT"
    );

    let recipient = ScriptedRelay::start(vec![script(PLAIN, &[OK, "+250 ok"])]);
    let error = submit(&mut transport(&recipient, 300, 10_000), "a@example.com").0.unwrap_err();
    assert_eq!(error.detail, "no reply to RCPT TO: no answer within SMTP_TIMEOUT");
}
