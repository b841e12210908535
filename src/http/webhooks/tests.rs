use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::sign::Signer;
use tokio::runtime::Builder;

use super::*;
use crate::config::secret::Secret;
use crate::hmac::HmacKey;

const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn a_password_of_postmark_is_one_of_ours() {
    let secrets = ["first-secret", "second-secret"].map(|text| Secret::new(text.to_owned()));
    let with =
        |value: &str| postmark::authenticate(&secrets, &headers(&[("authorization", value.to_owned())]));
    let basic = |pair: &str| with(&format!("Basic {}", STANDARD.encode(pair)));
    for good in ["postmark:first-secret", ":second-secret"] {
        assert_eq!(basic(good), Ok(()), "{good}");
    }
    assert_eq!(with(&format!("basic {}", STANDARD.encode("a:first-secret"))), Ok(()));
    for bad in ["first-secret", "a:first", "a:", "a:first-secret ", "first-secret:a"] {
        assert_eq!(basic(bad), Err(Refusal::Unauthorized), "{bad}");
    }
    for bad in ["", "Basic", "Basic !", "Bearer first-secret"] {
        assert_eq!(with(bad), Err(Refusal::Unauthorized), "{bad}");
    }
    assert_eq!(postmark::authenticate(&secrets, &HeaderMap::new()), Err(Refusal::Unauthorized));
}

#[test]
fn a_signature_of_sendgrid_is_of_this_body_and_this_time() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let [own, other] = [(); 2].map(|()| PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
    let public: Vec<PKey<Public>> = [&other, &own]
        .map(|key| PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap())
        .into();
    let sign = |time: &str, body: &str| {
        let mut signer = Signer::new(MessageDigest::sha256(), &own).unwrap();
        STANDARD.encode(signer.sign_oneshot_to_vec(format!("{time}{body}").as_bytes()).unwrap())
    };
    let check = |keys: &[PKey<Public>], signature: &str, time: &str, body: &str| {
        let fields = headers(&[
            ("X-Twilio-Email-Event-Webhook-Signature", signature.to_owned()),
            ("X-Twilio-Email-Event-Webhook-Timestamp", time.to_owned()),
        ]);
        sendgrid::authenticate(keys, &fields, body.as_bytes(), now())
    };
    let time = NOW.to_string();
    let good = sign(&time, "[]");
    assert_eq!(check(&public, &good, &time, "[]"), Ok(()));
    for (signature, time, body) in [
        (good.as_str(), time.as_str(), "[ ]"),
        (&good, "1800000001", "[]"),
        (&sign(&time, "[]x"), &time, "[]"),
        ("", &time, "[]"),
        ("!", &time, "[]"),
        ("AAAA", &time, "[]"),
    ] {
        assert_eq!(check(&public, signature, time, body), Err(Refusal::Forged), "{signature}");
    }
    assert_eq!(check(&public[..1], &good, &time, "[]"), Err(Refusal::Forged), "another key");
    let old = (NOW - 26 * 3600).to_string();
    assert_eq!(check(&public, &sign(&old, "[]"), &old, "[]"), Err(Refusal::Old));
    assert_eq!(
        sendgrid::authenticate(&public, &HeaderMap::new(), b"[]", now()),
        Err(Refusal::Forged),
        "no signature"
    );
}

#[test]
fn a_token_of_mailgun_belongs_to_one_body() {
    let keys = ["old-key", "key"].map(|text| Secret::new(text.to_owned()));
    let body = |key: &str, time: i64, token: &str, rest: &str| {
        let mac = HmacKey::new(key.as_bytes()).mac(format!("{time}{token}").as_bytes());
        let signature = mac.map(|byte| format!("{byte:02x}")).concat();
        format!(
            r#"{{"signature": {{"timestamp": "{time}", "token": "{token}", "signature": "{signature}"}}, "event-data": {rest}}}"#
        )
    };
    let mut tokens = MailgunTokens::default();
    let mut check = |body: &str| mailgun::authenticate(&keys, body.as_bytes(), now(), &mut tokens);
    let first = body("key", NOW, "token-1", "{}");
    assert_eq!(check(&first), Ok(()));
    assert_eq!(check(&first), Ok(()), "Mailgun tries again");
    assert_eq!(check(&body("key", NOW, "token-1", r#"{"event": "failed"}"#)), Err(Refusal::Replayed));
    assert_eq!(check(&body("old-key", NOW, "token-2", "{}")), Ok(()));
    assert_eq!(check(&body("foreign", NOW, "token-3", "{}")), Err(Refusal::Forged));
    assert_eq!(check(&body("key", NOW - 26 * 3600, "token-4", "{}")), Err(Refusal::Old));
    assert_eq!(check(&first.replace("token-1", "token-5")), Err(Refusal::Forged));
    for bad in ["", "{}", "[]", r#"{"signature": {}}"#, r#"{"signature": {"timestamp": 1}}"#] {
        assert_eq!(check(bad), Err(Refusal::Malformed), "{bad}");
    }
    let long = "x".repeat(1000);
    assert_eq!(check(&body("key", NOW, &long, "{}")), Err(Refusal::Forged));
    for number in 0..20_000 {
        assert_eq!(check(&body("key", NOW, &format!("many-{number}"), "{}")), Ok(()));
    }
    assert_eq!(check(&body("key", NOW, "token-1", "{} ")), Ok(()), "what is long ago is forgotten");
}

/// SNS posts again after 503, and not after any 4xx.
#[test]
fn a_request_that_has_to_wait_too_long_is_to_come_again() {
    let config = WebhookConfig::default();
    let short = Duration::from_millis(1);
    let webhooks = Webhooks::with_timeout(&config, RequestDatabase::default(), Arc::default(), short);
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let unread = Body::new(body::tests::Trickle(None));
    let answer = webhooks.inner.answer(Provider::Ses, Peer([192, 0, 2, 1].into()), HeaderMap::new(), unread);
    assert_eq!(runtime.block_on(answer).status(), StatusCode::SERVICE_UNAVAILABLE);
    for later in
        [Refusal::TooMany, Refusal::Unavailable, Refusal::Late, Refusal::NotYet, Refusal::NoCertificate]
    {
        assert_eq!(later.into_response().status(), StatusCode::SERVICE_UNAVAILABLE, "{later}");
    }
}
