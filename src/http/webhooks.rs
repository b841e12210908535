//! `POST /webhooks/PROVIDER`: reports of mail providers about mails that came back. Who posts is asked first, and then what: `postmark`,
//! `sendgrid`, `mailgun` and `sns` know how each of them shows who it is. What a report says, and what follows, is left to `bounces`.

mod body;
mod https;
mod mailgun;
mod postmark;
mod refusal;
mod sendgrid;
mod signed_time;
mod sns;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use crate::bounces::providers::{self, OwnMails, ProviderReport};
use crate::config::email::webhooks::{Provider, WebhookConfig};
use crate::http::client::{Peer, client_address};
use crate::http::database::RequestDatabase;
use crate::http::rate_limit::{Allowance, RateLimit};
use crate::http::webhooks::body::Bodies;
use crate::http::webhooks::https::SnsHttps;
use crate::http::webhooks::mailgun::MailgunTokens;
use crate::http::webhooks::refusal::Refusal;
use crate::http::webhooks::sns::{SnsContent, SnsMessage};
use crate::observe::events::webhooks as events;
use crate::observe::metrics::Metrics;
use crate::sync::lock;

/// Reports that are recorded in one go: what follows of them may be given up between two.
const AT_ONCE: usize = 50;
/// How often one client may post. Providers post from few addresses, most of them each report by itself.
const EACH: Allowance = Allowance { burst: 500.0, per_second: 50.0 };
/// How often all may: a signature takes a tenth of a millisecond, a report some queries.
const ALL: Allowance = Allowance { burst: 1000.0, per_second: 100.0 };
/// Longest time for a request. It is shorter than that of the server, which answers 408: after that, SNS does not post again.
const TIMEOUT: Duration = Duration::from_secs(9);
/// Refusals within this time of one that was logged are only counted.
const QUIET: Duration = Duration::from_secs(60);

/// What takes such reports. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

struct Inner {
    config: WebhookConfig,
    database: RequestDatabase,
    own: Arc<OnceLock<OwnMails>>,
    rate_limit: Mutex<RateLimit>,
    bodies: Bodies,
    mailgun_tokens: Mutex<MailgunTokens>,
    sns: SnsHttps,
    timeout: Duration,
    /// When a refusal was logged.
    told: Mutex<Option<Instant>>,
    metrics: Arc<Metrics>,
}

impl Webhooks {
    /// As configured.
    #[must_use]
    pub fn new(config: &WebhookConfig, database: RequestDatabase, metrics: Arc<Metrics>) -> Self {
        Self::with_timeout(config, database, metrics, TIMEOUT)
    }

    fn with_timeout(
        config: &WebhookConfig,
        database: RequestDatabase,
        metrics: Arc<Metrics>,
        timeout: Duration,
    ) -> Self {
        let inner = Inner {
            config: config.clone(),
            database,
            own: Arc::default(),
            rate_limit: Mutex::new(RateLimit::new(EACH, ALL, Instant::now())),
            bodies: Bodies::default(),
            mailgun_tokens: Mutex::default(),
            sns: SnsHttps::default(),
            timeout,
            told: Mutex::default(),
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A route for each provider whose variable is set.
    pub fn routes(self) -> Router {
        let mut router = Router::new();
        for provider in self.inner.config.providers() {
            let answer = move |State(webhooks): State<Self>, Extension(peer), headers, body| async move {
                webhooks.inner.answer(provider, peer, headers, body).await
            };
            router = router.route(&format!("/webhooks/{}", provider.word()), post(answer));
        }
        router.with_state(self)
    }
}

impl Inner {
    async fn answer(&self, provider: Provider, peer: Peer, headers: HeaderMap, body: Body) -> Response {
        let taken = timeout(self.timeout, self.take(provider, peer, &headers, body)).await;
        match taken.unwrap_or(Err(Refusal::Late)) {
            // What counts as nothing is taken, too: the provider must not post it again.
            Ok(()) => StatusCode::OK.into_response(),
            Err(refusal) => {
                if refusal.is_of_the_request() {
                    self.count_refusal(provider, refusal);
                }
                refusal.into_response()
            }
        }
    }

    fn count_refusal(&self, provider: Provider, refusal: Refusal) {
        let mut told = lock(&self.told);
        let is_loud = told.is_none_or(|at| at.elapsed() >= QUIET);
        if is_loud {
            *told = Some(Instant::now());
        }
        events::refused(&self.metrics, provider.word(), &refusal.to_string(), is_loud);
    }

    async fn take(
        &self,
        provider: Provider,
        peer: Peer,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Refusal> {
        if !lock(&self.rate_limit).allows(client_address(peer, headers), Instant::now()) {
            return Err(Refusal::TooMany);
        }
        if provider == Provider::Postmark {
            postmark::authenticate(&self.config.postmark_secrets, headers)?;
        }
        let (body, _place) = self.bodies.read(body).await?;
        let reports = self.read(provider, headers, &body).await?;
        let mut again = false;
        for some in reports.chunks(AT_ONCE) {
            again |= self.record(provider, some.to_vec()).await?;
        }
        if again { Err(Refusal::NotYet) } else { Ok(()) }
    }

    /// What is posted, if the provider has posted it. Whether Postmark has, its headers have said before.
    async fn read(
        &self,
        provider: Provider,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Vec<ProviderReport>, Refusal> {
        let (config, now) = (&self.config, Utc::now());
        let one = |report: Option<ProviderReport>| report.into_iter().collect();
        Ok(match provider {
            Provider::Ses => self.read_ses(body, now).await?,
            Provider::Postmark => one(providers::postmark::read(body)?),
            Provider::SendGrid => {
                sendgrid::authenticate(&config.sendgrid_keys, headers, body, now)?;
                providers::sendgrid::read(body)?
            }
            Provider::Mailgun => {
                let mut tokens = lock(&self.mailgun_tokens);
                mailgun::authenticate(&config.mailgun_keys, body, now, &mut tokens)?;
                one(providers::mailgun::read(body)?)
            }
        })
    }

    /// What Amazon SES has published to one of the operator's topics. A subscription of such a topic is confirmed.
    async fn read_ses(&self, body: &[u8], now: DateTime<Utc>) -> Result<Vec<ProviderReport>, Refusal> {
        let message = SnsMessage::read(body)?;
        let topic = message.topic(&self.config.ses_topics)?;
        let key = self.sns.key(message.certificate_url(topic)?).await?;
        match message.open(topic, &key, now)? {
            SnsContent::Published(message) => Ok(providers::ses::read(&message)),
            SnsContent::MayPost(url) => {
                self.sns.confirm(&url).await?;
                events::subscribed(topic.as_str());
                Ok(Vec::new())
            }
            SnsContent::Ended => {
                events::unsubscribed(topic.as_str());
                Ok(Vec::new())
            }
        }
    }

    /// Returns whether some are to be posted again.
    async fn record(&self, provider: Provider, reports: Vec<ProviderReport>) -> Result<bool, Refusal> {
        let own = Arc::clone(&self.own);
        let asked = self.database.ask(move |store| {
            let own = if let Some(known) = own.get() {
                known
            } else {
                let loaded = OwnMails::load(store)?;
                own.get_or_init(|| loaded)
            };
            providers::take(store, own, reports)
        });
        let taken = asked.await.map_err(|_| Refusal::Unavailable)?;
        let number = taken.counts.values().map(|(number, _)| u64::from(*number)).sum();
        events::taken(&self.metrics, provider.word(), number);
        Ok(taken.again)
    }
}

#[cfg(test)]
mod tests;
