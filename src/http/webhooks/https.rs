//! Opens addresses of SNS over HTTPS: certificates, which are kept, and confirmations. Each takes a bounded time in a thread of its own, and
//! one is opened at a time, however many requests want one.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::pkey::{PKey, Public};
use openssl::x509::X509;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use ureq::Agent;

use crate::http::server::THREAD;
use crate::http::webhooks::refusal::Refusal;
use crate::sync::lock;
use crate::text::clean::{cut, one_line};
use crate::tls::https_agent;

/// Longest time for one address, with name look-up, connection and response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest response that is read, in bytes. A certificate has two kilobytes.
const RESPONSE_MAX: u64 = 32 * 1024;
/// How long a certificate is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Most certificates that are kept: SNS has one for a region, and another one from time to time.
const KEPT_MAX: usize = 16;
/// Most addresses that are opened in [`OPENED_IN`]: forged messages may name any file on the host of SNS.
const OPENED_MAX: usize = 5;
const OPENED_IN: Duration = Duration::from_secs(60);
/// Most characters of an error that are logged.
const SHOWN_MAX: usize = 200;

/// Opens addresses of SNS.
pub(super) struct SnsHttps {
    agent: Agent,
    certificates: Mutex<Vec<Kept>>,
    /// When addresses were opened. Locked while one is.
    opened: AsyncMutex<VecDeque<Instant>>,
}

struct Kept {
    url: String,
    key: PKey<Public>,
    since: Instant,
}

impl Default for SnsHttps {
    fn default() -> Self {
        let agent = https_agent(TIMEOUT);
        Self { agent, certificates: Mutex::default(), opened: AsyncMutex::default() }
    }
}

impl SnsHttps {
    /// The public key of the certificate at this address.
    pub(super) async fn key(&self, url: &str) -> Result<PKey<Public>, Refusal> {
        if let Some(key) = self.kept(url) {
            return Ok(key);
        }
        let mut opened = self.opened.lock().await;
        // Another request has got it meanwhile.
        if let Some(key) = self.kept(url) {
            return Ok(key);
        }
        let pem = self.open(url, &mut opened).await?;
        let key = public_key(&pem).ok_or_else(|| {
            log::warn!("webhooks: {url} has no certificate that is valid now; SNS is told to try again");
            Refusal::NoCertificate
        })?;
        let mut certificates = lock(&self.certificates);
        certificates.retain(|kept| kept.url != url && kept.since.elapsed() < KEPT_FOR);
        if certificates.len() >= KEPT_MAX {
            certificates.remove(0);
        }
        certificates.push(Kept { url: url.to_owned(), key: key.clone(), since: Instant::now() });
        Ok(key)
    }

    /// Opens the address that confirms a subscription.
    pub(super) async fn confirm(&self, url: &str) -> Result<(), Refusal> {
        let mut opened = self.opened.lock().await;
        self.open(url, &mut opened).await.map(drop)
    }

    fn kept(&self, url: &str) -> Option<PKey<Public>> {
        let certificates = lock(&self.certificates);
        let kept = certificates.iter().find(|kept| kept.url == url && kept.since.elapsed() < KEPT_FOR);
        kept.map(|kept| kept.key.clone())
    }

    /// What is at this address.
    async fn open(&self, url: &str, opened: &mut VecDeque<Instant>) -> Result<Vec<u8>, Refusal> {
        opened.retain(|at| at.elapsed() < OPENED_IN);
        if opened.len() >= OPENED_MAX {
            return Err(Refusal::NoCertificate);
        }
        opened.push_back(Instant::now());
        let (agent, address) = (self.agent.clone(), url.to_owned());
        let (sender, receiver) = oneshot::channel();
        // The threads for blocking calls are those of the database. One that panics ends a request only, by its name.
        let started = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            // The request that waited for it may have been given up.
            sender.send(get(&agent, &address)).ok();
        });
        let answer = match started {
            Ok(_) => match receiver.await {
                Ok(answer) => answer,
                Err(error) => Err(ureq::Error::Io(io::Error::other(error))),
            },
            Err(error) => Err(ureq::Error::Io(error)),
        };
        answer.map_err(|error| {
            let cause = cut(one_line(&error.to_string()), SHOWN_MAX);
            let (address, _) = url.split_once('?').unwrap_or((url, ""));
            log::warn!("webhooks: cannot open {address}: {cause}; SNS is told to try again");
            Refusal::NoCertificate
        })
    }
}

fn get(agent: &Agent, url: &str) -> Result<Vec<u8>, ureq::Error> {
    let mut response = agent.get(url).call()?;
    let status = response.status();
    if status.as_u16() != 200 {
        return Err(ureq::Error::StatusCode(status.as_u16()));
    }
    response.body_mut().with_config().limit(RESPONSE_MAX).read_to_vec()
}

/// The key of a certificate that is valid now. Who has signed it is not looked at: it comes from the host of SNS, over TLS.
fn public_key(pem: &[u8]) -> Option<PKey<Public>> {
    let certificate = X509::from_pem(pem).ok()?;
    let now = Asn1Time::days_from_now(0).ok()?;
    let is_valid = certificate.not_before() <= now && certificate.not_after() >= now;
    if is_valid { certificate.public_key().ok() } else { None }
}
