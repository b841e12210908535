//! The policies of the SMTP server: what each refuses, when, and that it takes the other mails.

use std::thread;
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;

use testkit::smtp::log::BodyReply;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::smtp::{RecipientFault, SmtpServer};
use testkit::wait::wait_until;

/// A client on one connection.
struct Client(SmtpConnection);

impl Client {
    fn connect(server: &SmtpServer) -> Self {
        Self::try_connect(server).unwrap()
    }

    fn try_connect(server: &SmtpServer) -> Result<Self, lettre::transport::smtp::Error> {
        let (hello, timeout) = (ClientId::Domain("me".to_owned()), Duration::from_secs(5));
        SmtpConnection::connect(("127.0.0.1", server.port), Some(timeout), &hello, None, None).map(Self)
    }

    /// Sends a mail to recipient `n`. Returns the code of the reply that decided about it. lettre closes the connection
    /// after a refusal, so the next mail goes out on a new one.
    fn send(&mut self, server: &SmtpServer, n: usize) -> u16 {
        let mail = Message::builder()
            .from("a@example.org".parse().unwrap())
            .to(address(n).parse().unwrap())
            .message_id(Some(format!("<{n}@example.org>")))
            .body("body".to_owned())
            .unwrap();
        if self.0.has_broken() {
            *self = Self::connect(server);
        }
        match self.0.send(mail.envelope(), &mail.formatted()) {
            Ok(response) => u16::from(response.code()),
            Err(error) => error.status().map_or(0, u16::from),
        }
    }
}

fn address(n: usize) -> String {
    format!("p{n}@example.com")
}

/// Sends `count` mails. Returns how many were accepted, and checks that the others got this code.
#[track_caller]
fn send(server: &SmtpServer, count: usize, refusal: u16) -> usize {
    let mut client = Client::connect(server);
    let codes: Vec<u16> = (0..count).map(|n| client.send(server, n)).collect();
    let accepted = codes.iter().filter(|code| **code == 250).count();
    assert!(codes.iter().all(|code| [250, refusal].contains(code)), "{codes:?}");
    accepted
}

#[test]
fn a_rate_limit_takes_so_many_mails_in_any_second() {
    for (step, reply, code) in [
        (Step::Dot, "454 Throttling failure: Maximum sending rate exceeded.", 454),
        (Step::Data, "432 4.3.2 Concurrent connections limit exceeded", 432),
        (Step::Rcpt, "450 4.7.1 Error: too much mail", 450),
        (Step::Mail, "451 4.7.1 Rate limit", 451),
    ] {
        let server = SmtpServer::start();
        server.add_policy(Policy::rate(step, reply, 8));
        // More mails than one second allows, for more than two seconds.
        let (start, mut accepted) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(2_200) {
            accepted += send(&server, 20, code);
        }
        let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
        let (least, most) = (8 * seconds, 8 * (seconds + 1));
        assert!((least..=most).contains(&accepted), "{accepted} of {least} to {most} at {step:?}");
        let log = server.log();
        let times: Vec<Instant> = log
            .received
            .iter()
            .filter(|mail| mail.answer == BodyReply::Accepted)
            .map(|mail| mail.at)
            .collect();
        assert_eq!((times.len(), log.accepted), (accepted, accepted));
        // The policy counts a mail a moment before or after its dot is read.
        let shortest = times.windows(9).map(|mails| mails[8] - mails[0]).min().unwrap();
        assert!(shortest > Duration::from_millis(800), "nine mails in {shortest:?} at {step:?}");
        assert!(log.refusals.len() > accepted, "{} refusals", log.refusals.len());
        let bodies = if step == Step::Dot { accepted + log.refusals.len() } else { accepted };
        assert_eq!(log.received.len(), bodies, "only a refusal after the dot costs a body");
        assert_eq!(server.delivered_ids().values().sum::<usize>(), accepted);
        assert_eq!(log.violations, Vec::<String>::new());
    }
}

#[test]
fn a_rate_limit_can_change() {
    let server = SmtpServer::start();
    let limits = vec![(Duration::ZERO, 2), (Duration::from_secs(1), 10)];
    let start = Instant::now();
    server.add_policy(Policy::changing_rate(Step::Mail, "451 4.7.1 Rate limit", limits));
    let accepted = send(&server, 5, 451);
    assert!(accepted == 2 || start.elapsed() >= Duration::from_secs(1), "{accepted} at first");
    wait_until("the limit to change", || start.elapsed() >= Duration::from_secs(2));
    assert_eq!(send(&server, 10, 451), 10);
}

#[test]
fn a_relay_can_refuse_everyone_for_a_time() {
    for (reply, code) in [("451 4.3.0 Temporary lookup failure", 451), ("554 5.7.1 Relay access denied", 554)]
    {
        let server = SmtpServer::start();
        let start = Instant::now();
        server.add_policy(Policy::everyone(Step::Rcpt, reply, Duration::from_millis(500)));
        let accepted = send(&server, 5, code);
        assert!(accepted == 0 || start.elapsed() >= Duration::from_millis(500));
        wait_until("the end", || start.elapsed() >= Duration::from_millis(500));
        assert_eq!(send(&server, 5, code), 5);
        server.add_policy(Policy::everyone(Step::Rcpt, reply, Duration::from_secs(3_600)));
        assert_eq!(send(&server, 5, code), 0);
        server.clear_policies();
        assert_eq!(send(&server, 5, code), 5);
        assert!(server.log().refusals.len() >= 5);
    }
}

#[test]
fn a_quota_ends_and_is_renewed() {
    let server = SmtpServer::start();
    let renewed_after = Duration::from_millis(500);
    let reply = "552 You are over your relay quota of 3 mails";
    server.add_policy(Policy::quota(Step::Dot, reply, 3, renewed_after));
    let start = Instant::now();
    let accepted = send(&server, 6, 552);
    assert!(accepted == 3 || start.elapsed() >= renewed_after, "{accepted}");
    let refused = server.log().received.iter().filter(|mail| mail.answer == BodyReply::Refused).count();
    assert_eq!(refused, 6 - accepted);
    thread::sleep(renewed_after.saturating_sub(start.elapsed()));
    wait_until("the quota to be renewed", || send(&server, 1, 552) == 1);
    assert_eq!(send(&server, 6, 552), 6);
}

#[test]
fn greylisting_counts_from_the_first_attempt_of_each_recipient() {
    let server = SmtpServer::start();
    let wait = Duration::from_millis(500);
    let listed = [address(1), address(2)];
    let policy =
        Policy::greylist(Step::Rcpt, "450 4.2.0 Greylisted", wait, move |to| listed.contains(&to.to_owned()));
    server.add_policy(policy);
    let mut client = Client::connect(&server);
    assert_eq!([3, 1].map(|n| client.send(&server, n)), [250, 450]);
    let start = Instant::now();
    let code = client.send(&server, 1);
    assert!(code == 450 || start.elapsed() >= wait, "{code}");
    wait_until("the first to be accepted", || client.send(&server, 1) == 250);
    assert!(start.elapsed() >= wait.mul_f64(0.9), "{:?}", start.elapsed());
    assert_eq!([2, 1].map(|n| client.send(&server, n)), [450, 250]);
}

#[test]
fn a_late_reply_is_recorded_only_when_the_client_has_waited() {
    let server = SmtpServer::start();
    let late = Duration::from_millis(300);
    server.fail_recipient(&address(1), RecipientFault::LateReply(late), 1);
    let start = Instant::now();
    assert_eq!(send(&server, 2, 0), 2);
    assert!(start.elapsed() >= late);

    server.fail_recipient(&address(1), RecipientFault::LateReply(Duration::from_secs(60)), 1);
    let mut client = Client::connect(&server);
    client.0.set_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(client.send(&server, 1), 0);
    drop(client);
    wait_until("the connection to end", || server.log().open == 0);
    let last = server.log().received.pop().unwrap();
    assert_eq!((last.recipient, last.answer), (address(1), BodyReply::None));
    assert_eq!(server.delivered_ids()["<1@example.org>"], 2);
}

#[test]
fn surplus_connections_are_refused_in_the_greeting_or_at_data() {
    let server = SmtpServer::start();
    let limit = |step, fault| server.configure(|settings| settings.most_connections = Some((1, step, fault)));
    let mut first = Client::connect(&server);
    limit(Step::Greeting, StepFault::HangUp("421 4.7.0 Too many connections"));
    let refused = Client::try_connect(&server).err().unwrap();
    assert_eq!(refused.status().map(u16::from), Some(421));
    limit(Step::Data, StepFault::Say(b"432 4.3.2 Concurrent connections limit exceeded"));
    let mut second = Client::connect(&server);
    assert_eq!((second.send(&server, 1), first.send(&server, 2)), (432, 250));
}
