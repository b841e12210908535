//! What a button leads to: whether its form is accepted, starting what it is for, and the page of that. What it is for is left to `retry` and
//! `replay`, running it to `actions`.

use std::time::{Duration, SystemTime};

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use tokio::time::timeout;

use crate::http::access::Visitor;
use crate::http::access::form::FormSeal;
use crate::http::access::session::Session;
use crate::http::status_page::actions::{Outcome, Reporter};
use crate::http::status_page::step::{Back, Posted, StepView, session};
use crate::http::status_page::view::Frame;
use crate::http::status_page::{StatusPage, frame};

/// How long a button waits for the end, before a page says that the action goes on.
const PATIENCE: Duration = Duration::from_secs(2);

impl StatusPage {
    /// The seal of a form for this person.
    pub(super) fn seal(&self, session: &Session, path: &str) -> Option<FormSeal> {
        self.inner.access.seal_form(session, path, SystemTime::now())
    }

    /// Whether this visitor has signed in, and the form may do what it asks for; or the page that says why not.
    pub(super) fn check(
        &self,
        visitor: &Visitor,
        path: &str,
        posted: &Posted,
        headers: &HeaderMap,
        back: &Back,
    ) -> Result<(), Box<Response>> {
        let Some(session) = session(visitor) else { return Err(Box::new(self.not_signed_in(visitor))) };
        let checked = self.inner.access.check_form(session, path, &posted.seal, headers, SystemTime::now());
        checked.map_err(|refusal| {
            log::warn!("http: a form for {path} was not accepted: {refusal:?}");
            let line =
                format!("{} Nothing was changed: go back, and press the button again.", refusal.sentence());
            Box::new(self.refuse(visitor, StatusCode::FORBIDDEN, "Not accepted", &line, back.clone()))
        })
    }

    /// The page that says why not.
    pub(super) fn refuse(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        title: &str,
        line: &str,
        back: Back,
    ) -> Response {
        let view = StepView::result(title.to_owned(), &[line.to_owned()], back);
        self.inner.pages.respond(status, "step.html", &Frame::still_of(visitor), &view)
    }

    /// For a program, and for a person of this machine where there is no token.
    pub(super) fn not_signed_in(&self, visitor: &Visitor) -> Response {
        let line = "Only people who have signed in with HTTP_TOKEN may change something here. Everybody else types what the status page names.";
        self.refuse(visitor, StatusCode::FORBIDDEN, "Not for you", line, Back::to_status())
    }

    /// The page of what this form has started before, if it has.
    pub(super) fn known_action(&self, form: &str) -> Option<Response> {
        let known = self.inner.actions.known(form)?;
        Some(Redirect::to(&known.path()).into_response())
    }

    /// Starts what a button is for, waits a moment for its end, and leads to its page.
    pub(super) async fn act(
        &self,
        visitor: &Visitor,
        form: &str,
        title: String,
        back: Back,
        work: impl FnOnce(&Reporter) -> Outcome + Send + 'static,
    ) -> Response {
        match self.inner.actions.begin(form, title.clone(), back.clone(), work) {
            Ok(Some(action)) => {
                // Late or not: the page says how far it is.
                if timeout(PATIENCE, action.ended()).await.is_err() {
                    log::debug!("http: {} goes on", action.path());
                }
                Redirect::to(&action.path()).into_response()
            }
            Ok(None) => {
                let lines = "Nothing was changed: other actions of this page have not ended yet. Wait a minute, and press the button again.";
                self.refuse(visitor, StatusCode::CONFLICT, &title, lines, back)
            }
            Err(error) => {
                log::error!("http: cannot start a thread: {error}");
                let lines = "Nothing was changed: the worker cannot start a thread. Its log has more.";
                self.refuse(visitor, StatusCode::INTERNAL_SERVER_ERROR, &title, lines, back)
            }
        }
    }
}

/// `GET /actions/N`
pub(super) async fn show(
    State(page): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if session(&visitor).is_none() {
        return page.not_signed_in(&visitor);
    }
    let Some(action) = id.parse().ok().and_then(|id| page.inner.actions.find(id)) else {
        let line = "This worker does not know how it has ended: it was restarted since, or another worker has done it. The status says what is \
                    the case now.";
        return page.refuse(&visitor, StatusCode::NOT_FOUND, "No such action", line, Back::to_status());
    };
    let is_running = action.is_running();
    let frame = if is_running {
        frame(&visitor, query.as_deref(), &action.path())
    } else {
        Frame::still_of(&visitor)
    };
    let view = StepView::result(action.title.clone(), &action.lines(), action.back.clone());
    page.inner.respond(StatusCode::OK, "step.html", &frame, &view)
}
