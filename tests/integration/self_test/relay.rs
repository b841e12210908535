//! The SMTP server with lettre's client, and with clients that violate the protocol.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport as _};

use testkit::smtp::gate::Point;
use testkit::smtp::log::BodyReply;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::smtp::{Capabilities, RecipientFault, SmtpServer};
use testkit::wait::wait_until;

fn client(server: &SmtpServer) -> SmtpTransport {
    SmtpTransport::builder_dangerous("127.0.0.1")
        .port(server.port)
        .timeout(Some(Duration::from_secs(5)))
        .build()
}

fn mail(n: usize) -> Message {
    Message::builder()
        .from("a@example.org".parse().unwrap())
        .to(format!("p{n}@example.com").parse().unwrap())
        .message_id(Some(format!("<{n}@example.org>")))
        .body(".\r\n..two dots\r\n.dot\r\nend".to_owned())
        .unwrap()
}

#[test]
fn the_server_records_what_lettre_sends() {
    let server = SmtpServer::start();
    thread::scope(|scope| {
        for lane in 0..4 {
            let transport = client(&server);
            scope.spawn(move || {
                for n in lane * 5..lane * 5 + 5 {
                    transport.send(&mail(n)).unwrap();
                }
            });
        }
    });
    let ids = server.accepted_ids();
    assert_eq!(ids.len(), 20);
    assert!(ids.values().all(|count| *count == 1));
    assert_eq!(server.accepted(), 20);
    assert_eq!(server.delivered_ids(), ids);
    let log = server.log();
    assert_eq!(log.violations, Vec::<String>::new());
    // Each of the four clients keeps its one connection.
    assert!((1..=4).contains(&log.most_open), "{}", log.most_open);
    assert_eq!(log.connections, 4);
    assert_eq!(log.commands["DATA"], 20);
    for mail in &log.received {
        let body = std::str::from_utf8(&mail.raw).unwrap();
        assert!(body.ends_with("\r\n\r\n.\r\n..two dots\r\n.dot\r\nend\r\n"), "{body}");
        assert_eq!(
            mail.message_id,
            format!("<{}@example.org>", &mail.recipient[1..mail.recipient.len() - 12])
        );
    }
}

#[test]
fn each_fault_happens_as_often_as_configured() {
    let server = SmtpServer::start();
    server.fail_recipient("p1@example.com", RecipientFault::Rcpt("450 4.2.0 Later"), 1);
    server.fail_recipient("p1@example.com", RecipientFault::Dot("554 5.7.1 Spam"), 1);
    server.fail_recipient("p2@example.com", RecipientFault::DropAtData, 1);
    server.fail_recipient("p2@example.com", RecipientFault::DropInBody, 1);
    server.fail_recipient("p2@example.com", RecipientFault::DropAfterDot, 1);
    let transport = client(&server);
    let failure = |n| transport.send(&mail(n)).unwrap_err();

    assert_eq!(u16::from(failure(1).status().unwrap()), 450);
    assert_eq!(u16::from(failure(1).status().unwrap()), 554);
    transport.send(&mail(1)).unwrap();

    for bodies in [2, 2, 3] {
        assert!(failure(2).status().is_none());
        wait_until("the log", || server.log().received.len() == bodies);
    }
    transport.send(&mail(2)).unwrap();

    let answers: Vec<BodyReply> = server.log().received.iter().map(|mail| mail.answer).collect();
    assert_eq!(answers, [BodyReply::Refused, BodyReply::Accepted, BodyReply::None, BodyReply::Accepted]);
    assert_eq!(server.delivered_ids()["<1@example.org>"], 1);
    assert_eq!(server.delivered_ids()["<2@example.org>"], 2);
    assert_eq!(server.accepted_ids()["<2@example.org>"], 1);
    assert_eq!(server.log().violations, Vec::<String>::new());
}

#[test]
fn settings_hold_for_all_connections() {
    let server = SmtpServer::with_capabilities(Capabilities {
        credentials: Some(("user".to_owned(), "secret".to_owned())),
        ..Capabilities::default()
    });
    let with = |password: &str| {
        SmtpTransport::builder_dangerous("127.0.0.1")
            .port(server.port)
            .credentials(Credentials::new("user".to_owned(), password.to_owned()))
            .build()
    };
    let code = |transport: &SmtpTransport| {
        transport.send(&mail(1)).map_or_else(|error| error.status().map(u16::from), |_| Some(250))
    };
    assert_eq!(code(&with("secret")), Some(250));
    assert_eq!(code(&with("guess")), Some(535));
    assert_eq!(code(&client(&server)), Some(530));
    server.configure(|settings| settings.auth_refusal = Some("454 4.7.0 Temporary".to_owned()));
    assert_eq!(code(&with("secret")), Some(454));
    server.configure(|settings| settings.auth_refusal = None);
    server.configure(|settings| settings.greeting = Some("554 5.3.2 Not today".to_owned()));
    assert_eq!(code(&with("secret")), Some(554));
    server.go_down();
    assert_eq!(code(&with("secret")), None);
    server.configure(|settings| settings.greeting = None);
    server.come_up();
    assert_eq!(code(&with("secret")), Some(250));
    assert_eq!(server.log().violations, Vec::<String>::new());
}

#[test]
fn the_mails_of_a_connection_can_be_limited() {
    let server = SmtpServer::start();
    server.configure(|settings| {
        settings.mails_per_connection =
            Some((2, Step::Mail, StepFault::HangUp("421 4.7.0 Too many mails on this connection")));
    });
    let hello = ClientId::Domain("me".to_owned());
    let connect = || {
        SmtpConnection::connect(("127.0.0.1", server.port), Some(Duration::from_secs(5)), &hello, None, None)
            .unwrap()
    };
    let send = |connection: &mut SmtpConnection| {
        let mail = mail(1);
        let sent = connection.send(mail.envelope(), &mail.formatted());
        sent.map_or_else(|error| error.status().map(u16::from), |_| Some(250))
    };
    let mut connection = connect();
    let codes = [(); 3].map(|()| send(&mut connection));
    assert_eq!(codes, [Some(250), Some(250), Some(421)]);
    assert_eq!(send(&mut connect()), Some(250));
    assert_eq!((server.log().connections, server.accepted()), (2, 3));
}

#[test]
fn the_gate_holds_and_releases_mails() {
    let server = SmtpServer::start();
    thread::scope(|scope| {
        for point in [Point::BeforeBody, Point::BeforeReply] {
            server.gate().close_after(point, 1);
            let (before, bodies) = (server.accepted(), server.log().received.len());
            let sending: Vec<_> = (0..3)
                .map(|n| {
                    let transport = client(&server);
                    scope.spawn(move || transport.send(&mail(n)).is_ok())
                })
                .collect();
            wait_until("two at the gate", || server.gate().held() == 2 && server.accepted() == before + 1);
            let seen = if point == Point::BeforeReply { 3 } else { 1 };
            assert_eq!(server.log().received.len(), bodies + seen);
            server.gate().open();
            assert!(sending.into_iter().all(|sending| sending.join().unwrap()));
            assert_eq!((server.gate().held(), server.accepted()), (0, before + 3));
        }
    });
    // A client that closes its connection while held gets no reply.
    server.gate().close_after(Point::BeforeReply, 0);
    let impatient = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(server.port)
        .timeout(Some(Duration::from_millis(50)))
        .build();
    assert!(impatient.send(&mail(9)).is_err());
    wait_until("no connection at the gate", || server.gate().held() == 0);
    server.gate().open();
    assert_eq!(server.delivered_ids()["<9@example.org>"], 1);
    assert_eq!(server.accepted_ids().get("<9@example.org>"), None);
}

/// Sends a text in one write, and waits until the server has recorded this violation.
#[track_caller]
fn noted(offer: Capabilities, text: &str, what: &str) {
    let server = SmtpServer::with_capabilities(offer);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).unwrap();
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    wait_until(&format!("{what:?} to be noted of {text:?}"), || {
        let breaches = server.log().violations;
        breaches.iter().any(|breach| breach.contains(what))
    });
}

#[test]
fn protocol_violations_are_recorded() {
    let plain = || Capabilities { pipelining: false, eight_bit: false, ..Capabilities::default() };
    let usual = Capabilities::default;
    noted(usual(), "MAIL FROM:<a@b.c>\r\n", "MAIL before EHLO");
    noted(usual(), "EHLO me\nQUIT\r\n", "bare LF");
    noted(usual(), "EHLO me\r\nMAIL FROM:<a@b.c>\r\n", "EHLO is not the last");
    noted(plain(), "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n", "PIPELINING is not offered");
    noted(plain(), "EHLO me\r\nMAIL FROM:<a@b.c> BODY=8BITMIME\r\n", "not offered: BODY");
    noted(usual(), "EHLO me\r\nMAIL FROM: <a@b.c>\r\n", "wrong syntax");
    noted(usual(), "EHLO me\r\nMAIL FROM:<a@b.c>\r\nDATA\r\n", "DATA without RCPT");
    let begin = "EHLO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n";
    noted(usual(), &format!("{begin}MAIL FROM:<a@b.c>\r\n"), "within a transaction");
    noted(usual(), &format!("{begin}DATA\r\nearly\r\n.\r\n"), "data before the 354");
    noted(usual(), &format!("{begin}DATA\r\nearly\n.\r\n"), "bare LF");
    noted(usual(), &format!("{begin}DATA\r\n.early\r\n.\r\n"), "not stuffed");
    noted(usual(), &format!("{begin}DATA\r\n{}\r\n.\r\n", "x".repeat(999)), "999 octets");
    noted(usual(), &format!("{begin}DATA\r\nä\r\n.\r\n"), "8-bit data");
    noted(usual(), "VRFY me\r\n", "unknown command");
}

#[test]
fn data_before_the_354_is_recorded() {
    let server = SmtpServer::start();
    server.gate().close_after(Point::BeforeBody, 0);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut say = |text: &str, answer: &str| {
        stream.write_all(text.as_bytes()).unwrap();
        assert!(reader.any(|line| line.unwrap().starts_with(answer)), "{answer}");
    };
    say("", "220");
    say("EHLO me\r\n", "250 ");
    say("MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n", "250");
    wait_until("the mail at the gate", || server.gate().held() == 1);
    stream.write_all(b"early\r\n").unwrap();
    server.gate().open();
    wait_until("the violation", || !server.log().violations.is_empty());
    assert!(server.log().violations[0].contains("data before the 354"));
}

#[test]
fn mails_become_files_before_they_are_accepted() {
    let (folder, server) = (tempfile::tempdir().unwrap(), SmtpServer::start());
    server.configure(|settings| settings.folder = Some(folder.path().to_owned()));
    client(&server).send(&mail(7)).unwrap();
    assert_eq!(testkit::folder::names_in(folder.path()), ["7.eml", "7.html", "7.txt"]);
    let text = std::fs::read_to_string(folder.path().join("7.txt")).unwrap();
    assert_eq!(text.replace("\r\n", "\n"), ".\n..two dots\n.dot\nend\n");
}
