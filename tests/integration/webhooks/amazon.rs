//! Amazon SES through SNS: confirming, both versions of signatures, and who else might post. A proxy of the test stands for AWS: it answers
//! for the host of SNS, with a certificate of an authority that the worker trusts.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use openssl::asn1::Asn1Time;
use openssl::base64::encode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::{X509, X509NameBuilder};
use serde_json::{Value, json};
use testkit::certificates::Authority;
use testkit::http::{address_of, get_from_worker};
use testkit::scenario::{DOMAIN, Scenario};
use testkit::smtp::log::ReceivedMail;

use crate::webhooks::{counted, outcomes, post, suppressed};

const HOST: &str = "sns.eu-west-1.amazonaws.com";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mails";
const CERTIFICATE: &str =
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";

/// The host of SNS, and what it signs with.
struct Sns {
    port: u16,
    authority: String,
    key: PKey<Private>,
    /// The first lines of the requests, behind that to the proxy.
    requests: Arc<Mutex<VecDeque<String>>>,
}

impl Sns {
    fn start() -> Self {
        let authority = Authority::new();
        let acceptor = authority.issue_for(HOST).acceptor();
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let certificate = certificate(&key);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(VecDeque::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                assert_eq!(head(&mut client), format!("CONNECT {HOST}:443 HTTP/1.1"));
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let mut tls = acceptor.accept(client).unwrap();
                let request = head(&mut tls);
                let (status, body) = match request.split(' ').nth(1).unwrap() {
                    path if path.ends_with("0123456789abcdef.pem") => ("200 OK", certificate.clone()),
                    path if path.starts_with("/?Action=ConfirmSubscription&") => ("200 OK", b"<x/>".to_vec()),
                    path if path.ends_with("ffff.pem") => ("200 OK", vec![b'x'; 1024 * 1024]),
                    _ => ("404 Not Found", Vec::new()),
                };
                log.lock().unwrap().push_back(request);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                // A body that is too long is not read.
                tls.write_all(&[head.as_bytes(), &body].concat()).ok();
            }
        });
        Self { port, authority: authority.pem(), key, requests }
    }

    /// A worker that takes the reports of this topic.
    fn scenario(&self, name: &str, participants: usize, bounce_address: &str) -> Scenario {
        let mut scenario = Scenario::with_relay(name, participants)
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("WEBHOOK_SES_TOPICS", &format!("arn:aws:sns:eu-west-1:123456789012:others {TOPIC}"))
            .env("HTTPS_PROXY", &format!("http://127.0.0.1:{}", self.port))
            .env("BOUNCE_ADDRESS", bounce_address)
            .build();
        let file = scenario.path("authority.pem");
        fs::write(&file, &self.authority).unwrap();
        scenario.environment.insert("SSL_CERT_FILE".to_owned(), file.to_str().unwrap().to_owned());
        scenario
    }

    /// A message, signed.
    fn message(&self, version: &str, fields: &Value) -> Value {
        let mut message = json!({"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC,
            "Timestamp": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "SignatureVersion": version, "SigningCertURL": CERTIFICATE});
        for (name, value) in fields.as_object().unwrap() {
            message[name] = value.clone();
        }
        let is_notification = message["Type"] == "Notification";
        let names: &[&str] = if is_notification {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let text: String = names
            .iter()
            .filter_map(|name| Some([name, "\n", message.get(*name)?.as_str().unwrap(), "\n"].concat()))
            .collect();
        let digest = if version == "1" { MessageDigest::sha1() } else { MessageDigest::sha256() };
        let mut signer = Signer::new(digest, &self.key).unwrap();
        message["Signature"] = encode_block(&signer.sign_oneshot_to_vec(text.as_bytes()).unwrap()).into();
        message
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().cloned().collect()
    }
}

/// The first line of a request, which is read to the end of its head.
fn head(stream: &mut (impl Read + Write)) -> String {
    let mut reader = BufReader::with_capacity(1, stream);
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first).unwrap();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    first.trim_end().to_owned()
}

fn certificate(key: &PKey<Private>) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "sns.amazonaws.com").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(10).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}

/// SNS says that its body is plain text.
fn publish(address: SocketAddr, message: &Value) -> String {
    post(address, "ses", "Content-Type: text/plain; charset=UTF-8\r\n", &message.to_string())
}

/// What SES says of a mail.
fn bounce(mail: &ReceivedMail, source: &str, with_headers: bool, status: &str) -> Value {
    let mut of_mail = json!({"source": source, "messageId": "not the one of the mail"});
    if with_headers {
        of_mail["headers"] =
            json!([{"name": "From", "value": "x"}, {"name": "Message-ID", "value": mail.message_id}]);
    }
    let recipient = json!({"emailAddress": mail.recipient, "status": status, "action": "failed",
        "diagnosticCode": format!("smtp; 550 {status} unknown")});
    let text = json!({"notificationType": "Bounce", "mail": of_mail,
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [recipient]}});
    json!({"Message": text.to_string()})
}

#[test]
fn ses_posts_through_a_topic_that_is_confirmed() {
    let sns = Sns::start();
    let scenario = sns.scenario("webhooks-ses", 4, &format!("bounces@{DOMAIN}"));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let (address, mails) = (address_of(&worker), scenario.smtp.log().received);

    let confirm = json!({"Type": "SubscriptionConfirmation", "Message": "You may confirm.", "Token": "2336412f37",
        "SubscribeURL": "https://evil.example/"});
    assert_eq!(publish(address, &sns.message("1", &confirm)), "200");
    let arn = "arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Amails";
    let opened = format!("GET /?Action=ConfirmSubscription&TopicArn={arn}&Token=2336412f37 HTTP/1.1");
    assert_eq!(sns.requests()[1..], [opened]);

    let hello = json!({"Message": "Successfully validated the topic.", "Subject": "x"});
    assert_eq!(publish(address, &sns.message("1", &hello)), "200");
    // By the envelope sender alone, and by the Message-ID alone.
    for _ in 0..2 {
        let of_first = bounce(&mails[0], &mails[0].sender, false, "5.1.1");
        assert_eq!(publish(address, &sns.message("1", &of_first)), "200");
    }
    assert_eq!(
        publish(address, &sns.message("2", &bounce(&mails[1], "x@example.org", true, "5.1.1"))),
        "200"
    );
    assert_eq!((outcomes(&scenario, "bounced", "5.1.1"), suppressed(&scenario, "bounced")), (2, 2));
    assert!(counted(&scenario, "repeated", 1));
    let text = json!({"eventType": "Complaint", "mail": {"source": mails[2].sender},
        "complaint": {"complainedRecipients": [{"emailAddress": mails[2].recipient}]}});
    assert_eq!(publish(address, &sns.message("2", &json!({"Message": text.to_string()}))), "200");
    assert_eq!((outcomes(&scenario, "complained", "abuse"), suppressed(&scenario, "complained")), (1, 1));
    let end = json!({"Type": "UnsubscribeConfirmation", "Message": "x", "Token": "1", "SubscribeURL": "x"});
    assert_eq!(publish(address, &sns.message("2", &end)), "200");
    assert_eq!(sns.requests().len(), 2, "the certificate is kept");
    assert!(worker.stop().err.contains("does not post any more"));
}

#[test]
fn what_another_topic_or_nobody_has_signed_is_refused() {
    let sns = Sns::start();
    let scenario = sns.scenario("webhooks-ses-forged", 1, "");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let (address, mails) = (address_of(&worker), scenario.smtp.log().received);
    let report = bounce(&mails[0], "x@example.org", true, "5.1.1");
    let with = |name: &str, value: &str| {
        let mut fields = report.clone();
        fields[name] = value.into();
        sns.message("2", &fields)
    };
    let mut changed = sns.message("2", &report);
    changed["Message"] = report["Message"].as_str().unwrap().replace("5.1.1", "5.1.2").into();
    let mut unsigned = sns.message("2", &report);
    unsigned["Signature"] = "AAAA".into();
    let mut downgraded = sns.message("2", &report);
    downgraded["SignatureVersion"] = "1".into();
    let stranger = Sns { key: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), ..Sns::start() };
    for message in [
        with("TopicArn", "arn:aws:sns:eu-west-1:999999999999:mails"),
        with("TopicArn", "arn:aws:sns:us-east-1:123456789012:mails"),
        with("SigningCertURL", "https://evil.example/SimpleNotificationService-0123456789abcdef.pem"),
        with("SigningCertURL", &CERTIFICATE.replace("https", "http")),
        with("SigningCertURL", &CERTIFICATE.replace(".com/", ".com.evil.example/")),
        with("SigningCertURL", &CERTIFICATE.replace(".com/", ".com@evil.example/")),
        with("SigningCertURL", &CERTIFICATE.replace(".com/", ".com:444/")),
        with("SigningCertURL", &CERTIFICATE.replace("eu-west-1", "eu-west-2")),
        with("SigningCertURL", &CERTIFICATE.replace("/Simple", "/bucket/../Simple")),
        with("Timestamp", "2026-01-01T00:00:00.000Z"),
        with("Timestamp", "yesterday"),
        with("SignatureVersion", "3"),
        stranger.message("2", &report),
        changed,
        unsigned,
        downgraded,
    ] {
        assert_eq!(publish(address, &message), "403", "{message}");
    }
    assert_eq!(sns.requests().len(), 1, "only the certificate of the host was opened");
    for malformed in [json!({}), json!([]), json!({"Type": "Notification"})] {
        assert_eq!(publish(address, &malformed), "400", "{malformed}");
    }
    // A certificate that is not there, or is none: SNS may try again.
    assert_eq!(publish(address, &with("SigningCertURL", &CERTIFICATE.replace("abcdef", "000000"))), "503");
    assert_eq!(publish(address, &with("SigningCertURL", &CERTIFICATE.replace("abcdef", "ffff"))), "503");
    for number in 0..10 {
        let url = CERTIFICATE.replace("abcdef", &number.to_string());
        assert_eq!(publish(address, &with("SigningCertURL", &url)), "503");
    }
    assert_eq!(sns.requests().len(), 5, "no more are opened in a minute");
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.count("suppressions")), (1, 0));
    let metrics = get_from_worker(&worker, "/metrics");
    assert!(metrics.contains("\nfanmail_webhooks_refused_total 19\n"), "{metrics}");
    assert_eq!(publish(address, &sns.message("2", &report)), "200", "the certificate is kept");
    assert_eq!(outcomes(&scenario, "bounced", "5.1.1"), 1);
}

#[test]
fn without_a_way_to_aws_the_report_is_posted_again() {
    let sns = Sns::start();
    let mut scenario = sns.scenario("webhooks-ses-away", 1, "");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scenario.environment.insert("HTTPS_PROXY".to_owned(), format!("http://{closed}"));
    let worker = scenario.worker();
    assert!(TcpStream::connect(closed).is_err());
    assert_eq!(publish(address_of(&worker), &sns.message("2", &json!({"Message": "x"}))), "503");
    let log = worker.stop().err;
    assert!(log.contains("webhooks: cannot open https://sns.eu-west-1.amazonaws.com/"), "{log}");
}
