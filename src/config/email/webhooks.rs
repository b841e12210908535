//! `WEBHOOK_…`: whose reports about mails are taken over HTTP, and what shows that they are theirs. Each provider has one variable, and
//! none is believed without it.

use openssl::base64::decode_block;
use openssl::pkey::{PKey, Public};

use crate::config::reader::Reader;
use crate::config::secret::Secret;

/// Shortest secret of one's own, in bytes.
const SECRET_MIN: usize = 32;

const SHORT: &str = "has fewer than 32 characters; make one with: openssl rand -hex 32. Several are separated by blanks or \
                     line ends, and each of them is accepted";

const TOPICS: &str =
    "ARNs of SNS topics such as arn:aws:sns:eu-west-1:123456789012:mails, separated by blanks";

const KEYS: &str = "the verification key of the Event Webhook as SendGrid shows it, which begins with MFkw; several are separated by blanks";

/// Whose reports are taken.
#[derive(Debug, Clone, Default)]
pub struct WebhookConfig {
    /// The topics to which Amazon SES publishes (`WEBHOOK_SES_TOPICS`).
    pub ses_topics: Vec<TopicArn>,
    /// What Postmark sends as the password (`WEBHOOK_POSTMARK_SECRET`).
    pub postmark_secrets: Vec<Secret>,
    /// The keys that SendGrid's signatures are verified with (`WEBHOOK_SENDGRID_KEY`).
    pub sendgrid_keys: Vec<PKey<Public>>,
    /// The keys that Mailgun signs with (`WEBHOOK_MAILGUN_KEY`).
    pub mailgun_keys: Vec<Secret>,
}

/// The name of an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn {
    text: String,
    region: String,
    is_in_china: bool,
}

impl TopicArn {
    /// Reads `arn:aws:sns:REGION:ACCOUNT:NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, "sns", region, account, name] = parts.as_slice() else { return None };
        let is_name = (1..=256).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        // The region becomes a part of a host name.
        let is_region = region.len() <= 32
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_in_china = partition == "aws-cn";
        let is_partition = is_in_china || ["aws", "aws-us-gov"].contains(&partition);
        (is_partition && is_region && !region.is_empty() && is_account && is_name).then(|| Self {
            text: text.to_owned(),
            region: region.to_owned(),
            is_in_china,
        })
    }

    /// As AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host of SNS in its region: where the certificates of its signatures are.
    #[must_use]
    pub fn host(&self) -> String {
        let end = if self.is_in_china { ".cn" } else { "" };
        format!("sns.{}.amazonaws.com{end}", self.region)
    }
}

impl WebhookConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let each = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let secrets = |reader: &mut Reader<'_>, name: &str| -> Vec<Secret> {
            let value = reader.secret(name);
            value.map(|value| each(value.expose())).into_iter().flatten().map(Secret::new).collect()
        };
        let all = |text: &str| each(text).iter().map(|arn| TopicArn::parse(arn)).collect::<Option<Vec<_>>>();
        let ses_topics = reader.parsed("WEBHOOK_SES_TOPICS", TOPICS, all).unwrap_or_default();
        let postmark_secrets = secrets(reader, "WEBHOOK_POSTMARK_SECRET");
        if postmark_secrets.iter().any(|secret| secret.expose().len() < SECRET_MIN) {
            reader.problem("WEBHOOK_POSTMARK_SECRET", SHORT.to_owned());
        }
        let keys = |text: &str| each(text).iter().map(|key| public_key(key)).collect::<Option<Vec<_>>>();
        Self {
            ses_topics,
            postmark_secrets,
            sendgrid_keys: reader.parsed("WEBHOOK_SENDGRID_KEY", KEYS, keys).unwrap_or_default(),
            mailgun_keys: secrets(reader, "WEBHOOK_MAILGUN_KEY"),
        }
    }

    /// The providers whose reports are taken.
    #[must_use]
    pub fn providers(&self) -> Vec<Provider> {
        [
            (Provider::Ses, !self.ses_topics.is_empty()),
            (Provider::Postmark, !self.postmark_secrets.is_empty()),
            (Provider::SendGrid, !self.sendgrid_keys.is_empty()),
            (Provider::Mailgun, !self.mailgun_keys.is_empty()),
        ]
        .into_iter()
        .filter_map(|(provider, is_set)| is_set.then_some(provider))
        .collect()
    }
}

/// Who posts reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon SES, through SNS.
    Ses,
    /// Postmark.
    Postmark,
    /// SendGrid.
    SendGrid,
    /// Mailgun.
    Mailgun,
}

impl Provider {
    /// Its path.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ses => "ses",
            Self::Postmark => "postmark",
            Self::SendGrid => "sendgrid",
            Self::Mailgun => "mailgun",
        }
    }
}

/// A key on an elliptic curve, as SendGrid shows it: the DER of RFC 5480, in base64.
fn public_key(text: &str) -> Option<PKey<Public>> {
    let key = PKey::public_key_from_der(&decode_block(text).ok()?).ok()?;
    key.ec_key().is_ok().then_some(key)
}

#[cfg(test)]
mod tests {
    use openssl::base64::encode_block;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::rsa::Rsa;

    use super::*;
    use crate::config::Config;

    /// The section, or the first problem.
    fn read(set: &[(&str, &str)]) -> Result<WebhookConfig, String> {
        let value =
            |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(&value)
            .map(|config| config.email.webhooks)
            .map_err(|errors| errors.to_string().lines().nth(1).unwrap().trim().to_owned())
    }

    #[test]
    fn a_topic_names_the_host_of_its_region() {
        for (arn, host) in [
            ("arn:aws:sns:eu-west-1:123456789012:mails", "sns.eu-west-1.amazonaws.com"),
            ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a.fifo", "sns.us-gov-west-1.amazonaws.com"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:M_x-1", "sns.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(TopicArn::parse(arn).map(|arn| arn.host()).as_deref(), Some(host), "{arn}");
        }
        for bad in [
            "",
            "arn:aws:sns:eu-west-1:123456789012",
            "arn:aws:sns::123456789012:mails",
            "arn:aws:sns:eu.west:123456789012:mails",
            "arn:aws:sns:evil.example/:123456789012:mails",
            "arn:aws:sqs:eu-west-1:123456789012:mails",
            "arn:aws:sns:eu-west-1:12345678901:mails",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:mails:3f",
            "arn:evil:sns:eu-west-1:123456789012:mails",
        ] {
            assert_eq!(TopicArn::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_provider_has_a_variable_and_none_is_shown() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let key = encode_block(&key.public_key_to_der().unwrap());
        let secret = "0123456789abcdef0123456789abcdef";
        let all = read(&[
            (
                "WEBHOOK_SES_TOPICS",
                "arn:aws:sns:eu-west-1:123456789012:a arn:aws:sns:eu-west-1:123456789012:b",
            ),
            ("WEBHOOK_POSTMARK_SECRET", &format!("{secret}\n{secret}x")),
            ("WEBHOOK_SENDGRID_KEY", &format!("{key} {key}")),
            ("WEBHOOK_MAILGUN_KEY", "short"),
        ])
        .unwrap();
        assert_eq!(
            all.providers().iter().map(|one| one.word()).collect::<Vec<_>>(),
            ["ses", "postmark", "sendgrid", "mailgun"]
        );
        assert_eq!((all.ses_topics.len(), all.postmark_secrets.len(), all.sendgrid_keys.len()), (2, 2, 2));
        let shown = format!("{all:?}");
        assert!(!shown.contains(secret) && !shown.contains("short"), "{shown}");
        assert!(read(&[]).unwrap().providers().is_empty());
    }

    #[test]
    fn what_cannot_be_right_is_told_without_secrets() {
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let rsa = encode_block(&rsa.public_key_to_der().unwrap());
        for (name, value, told) in [
            ("WEBHOOK_SES_TOPICS", "mails", "WEBHOOK_SES_TOPICS is \"mails\"; expected ARNs"),
            ("WEBHOOK_POSTMARK_SECRET", "abc", "WEBHOOK_POSTMARK_SECRET has fewer than 32 characters"),
            (
                "WEBHOOK_SENDGRID_KEY",
                "MFkw",
                "WEBHOOK_SENDGRID_KEY is \"MFkw\"; expected the verification key",
            ),
            ("WEBHOOK_SENDGRID_KEY", &rsa, "WEBHOOK_SENDGRID_KEY is"),
        ] {
            let problem = read(&[(name, value)]).unwrap_err();
            assert!(problem.starts_with(told) && !problem.contains("abc"), "{problem}");
        }
    }
}
