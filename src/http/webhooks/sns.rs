//! SNS, through which Amazon SES posts: who signs its messages, what they are, and confirming a subscription. Everybody who has an account
//! at AWS can have SNS sign something, so the topic has to be one of the operator's, and every address that is opened is made of it.

use chrono::{DateTime, Utc};
use openssl::base64::decode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;
use serde::Deserialize;
use url::form_urlencoded;

use crate::config::email::webhooks::TopicArn;
use crate::http::webhooks::refusal::Refusal;
use crate::http::webhooks::signed_time;

/// Longest token of a subscription, in bytes; those of SNS have some hundred.
const TOKEN_MAX: usize = 1024;

/// A message of SNS, of any type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SnsMessage {
    r#type: String,
    message_id: String,
    topic_arn: String,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    certificate_url: String,
    subject: Option<String>,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

/// What a message is, once it is known to be that of SNS.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SnsContent {
    /// What was published to the topic.
    Published(String),
    /// The topic wants to post here: this address says that it may.
    MayPost(String),
    /// The topic does not post here any more.
    Ended,
}

impl SnsMessage {
    /// Reads the body of a request, which nothing is known of yet.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|_| Refusal::Malformed)
    }

    /// Which of the operator's topics it is of.
    pub(super) fn topic<'a>(&self, topics: &'a [TopicArn]) -> Result<&'a TopicArn, Refusal> {
        topics.iter().find(|topic| topic.as_str() == self.topic_arn).ok_or(Refusal::ForeignTopic)
    }

    /// The address of the certificate: the host is that of the topic, and only the name of the file is believed.
    pub(super) fn certificate_url(&self, topic: &TopicArn) -> Result<&str, Refusal> {
        let url = self.certificate_url.as_str();
        let file = url.strip_prefix(&format!("https://{}/", topic.host())).ok_or(Refusal::Forged)?;
        let name = file.strip_prefix("SimpleNotificationService-").and_then(|name| name.strip_suffix(".pem"));
        let is_name = |name: &str| {
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if name.is_some_and(is_name) { Ok(url) } else { Err(Refusal::Forged) }
    }

    /// What it is, if the owner of the certificate has signed it, and not long ago.
    pub(super) fn open(
        self,
        topic: &TopicArn,
        key: &PKey<Public>,
        now: DateTime<Utc>,
    ) -> Result<SnsContent, Refusal> {
        let digest = match self.signature_version.as_str() {
            "1" => MessageDigest::sha1(),
            "2" => MessageDigest::sha256(),
            _ => return Err(Refusal::Forged),
        };
        let signature = decode_block(self.signature.trim()).map_err(|_| Refusal::Forged)?;
        let signed = self.signed_text();
        let is_good = Verifier::new(digest, key)
            .and_then(|mut verifier| verifier.verify_oneshot(&signature, signed.as_bytes()));
        // An error is a signature in a wrong form.
        if !is_good.unwrap_or(false) {
            return Err(Refusal::Forged);
        }
        let signed_at = DateTime::parse_from_rfc3339(&self.timestamp).map_err(|_| Refusal::Old)?;
        signed_time::check(signed_at.to_utc(), now)?;
        match self.r#type.as_str() {
            "Notification" => Ok(SnsContent::Published(self.message)),
            "SubscriptionConfirmation" => self.confirmation(topic).map(SnsContent::MayPost),
            "UnsubscribeConfirmation" => Ok(SnsContent::Ended),
            _ => Err(Refusal::Malformed),
        }
    }

    /// The fields that are signed, in the order of their names, each on a line with its value on the next.
    fn signed_text(&self) -> String {
        let fields = [
            ("Message", Some(&self.message)),
            ("MessageId", Some(&self.message_id)),
            ("Subject", self.subject.as_ref().filter(|_| self.r#type == "Notification")),
            ("SubscribeURL", self.subscribe_url.as_ref().filter(|_| self.r#type != "Notification")),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_ref().filter(|_| self.r#type != "Notification")),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(&self.r#type)),
        ];
        let present = fields.into_iter().filter_map(|(name, value)| Some((name, value?.as_str())));
        present.flat_map(|(name, value)| [name, "\n", value, "\n"]).collect()
    }

    /// The address is made anew of topic and token: that of the message could be any.
    fn confirmation(&self, topic: &TopicArn) -> Result<String, Refusal> {
        let token =
            self.token.as_deref().filter(|token| token.len() <= TOKEN_MAX).ok_or(Refusal::Malformed)?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "ConfirmSubscription")
            .append_pair("TopicArn", topic.as_str())
            .append_pair("Token", token)
            .finish();
        Ok(format!("https://{}/?{query}", topic.host()))
    }
}
