//! `/notifications/N/retry`: a person who has signed in has failed and deferred mails tried again. The page asks first; the form changes the
//! ledger, and the sweep of any worker sends. No channel is opened here.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::domain::ids::NotificationId;
use crate::domain::outcome::Tally;
use crate::http::access::Visitor;
use crate::http::status_page::StatusPage;
use crate::http::status_page::actions::{Outcome, Reporter};
use crate::http::status_page::notification::{can_retry, read_id, unknown};
use crate::http::status_page::step::{Back, Choice, Posted, StepForm, StepView, session};
use crate::http::status_page::view::Frame;
use crate::observe::events;
use crate::report::notifications::NotificationLine;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::reopening::MadeDue;
use crate::store::ledger::row::NotificationState;
use crate::text::count::grouped;

/// The field that says that mails which failed for good are meant, too.
const PERMANENT_TOO: &str = "permanent_too";

fn path(id: NotificationId) -> String {
    format!("/notifications/{id}/retry")
}

fn title(id: NotificationId) -> String {
    format!("Retry notification {id}")
}

pub(super) async fn ask(
    State(page): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(key) = read_id(&id) else { return unknown(&id) };
    let Some(session) = session(&visitor) else { return page.not_signed_in(&visitor) };
    let frame = Frame::still_of(&visitor);
    let Ok(found) = page.inner.reader.notification(key).await else { return page.inner.unavailable(&frame) };
    let Some(found) = found.as_ref() else { return unknown(&id) };
    let back = Back::to_notification(key);
    if let Some(why) = why_not(&page, &found.line) {
        return page.refuse(&visitor, StatusCode::CONFLICT, &title(key), &why, back);
    }
    let tally = &found.line.tally;
    let form = page.seal(session, &path(key)).map(|seal| StepForm {
        path: path(key),
        seal,
        fields: if are_all_permanent(tally) { vec![(PERMANENT_TOO, "yes".to_owned())] } else { Vec::new() },
        choice: (tally.failed_permanent > 0 && !are_all_permanent(tally)).then(|| Choice {
            name: PERMANENT_TOO,
            label: format!(
                "Also the {} that failed for good: I have corrected the addresses",
                grouped(tally.failed_permanent)
            ),
        }),
        button: "Retry".to_owned(),
    });
    let view = StepView::asking(title(key), &what_will_happen(tally), form, back);
    page.inner.pages.respond(StatusCode::OK, "step.html", &frame, &view)
}

pub(super) async fn act(
    State(page): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(key) = read_id(&id) else { return unknown(&id) };
    let (posted, back) = (Posted::read(&body), Back::to_notification(key));
    if let Err(refusal) = page.check(&visitor, &path(key), &posted, &headers, &back) {
        return *refusal;
    }
    let inner = &page.inner;
    let Some(store) = inner.database.store() else { return inner.unavailable(&Frame::still_of(&visitor)) };
    if !inner.sends {
        return page.refuse(&visitor, StatusCode::CONFLICT, &title(key), DRY_RUN, back);
    }
    let permanent_too = posted.field(PERMANENT_TOO) == "yes";
    let (reader, shutdown) = (inner.reader.clone(), inner.shutdown.clone());
    let work = move |reporter: &Reporter| {
        let (mails, ended) = try_again(&store, key, permanent_too, &shutdown, reporter);
        reader.forget();
        if mails > 0 {
            events::http::retried(key, mails, permanent_too);
        }
        Outcome { lines: vec![said(key, mails, &ended)] }
    };
    page.act(&visitor, &posted.seal.seal, title(key), back, work).await
}

const DRY_RUN: &str = "Nothing was changed: this worker sends no mails (EMAIL_DUMMY_MODE=True, or --dry-run). Use the page of one that does.";

fn why_not(page: &StatusPage, line: &NotificationLine) -> Option<String> {
    let id = line.id();
    if !page.inner.sends {
        return Some(DRY_RUN.to_owned());
    }
    match line.record.state {
        NotificationState::Completed if can_retry(line) => None,
        NotificationState::Completed => {
            Some(format!("No mail of notification {id} has failed or is deferred."))
        }
        _ => Some(said(id, 0, &Ok(MadeDue::NotCompleted))),
    }
}

/// Whether nothing is left to try again but what failed for good: then the button is about that.
fn are_all_permanent(tally: &Tally) -> bool {
    tally.failed + tally.deferred == tally.failed_permanent
}

/// What a press of the button does, with numbers.
fn what_will_happen(tally: &Tally) -> Vec<String> {
    let Tally { failed, failed_permanent, deferred, sent, .. } = *tally;
    let meant: Vec<String> = [
        (failed.saturating_sub(failed_permanent), "failed for a reason that may pass"),
        (
            deferred,
            if deferred == 1 {
                "is deferred, and is not waited for any more"
            } else {
                "are deferred, and are not waited for any more"
            },
        ),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", grouped(*number)))
    .collect();
    let mut lines = Vec::new();
    if are_all_permanent(tally) {
        lines.push(format!(
            "Workers try {} again within ten seconds. All of them failed for good: correct their addresses first, or the relay refuses them \
             again.",
            mails(failed_permanent)
        ));
    } else {
        let number = failed + deferred - failed_permanent;
        lines.push(format!(
            "Workers try {} again within ten seconds: {}.",
            mails(number),
            meant.join(", and ")
        ));
        if failed_permanent > 0 {
            lines.push(format!(
                "{} failed for good, and nothing is done about that unless you tick the box.",
                mails(failed_permanent)
            ));
        }
    }
    lines.extend(match sent {
        0 => None,
        1 => Some("1 person has the mail, and gets no second one.".to_owned()),
        sent => Some(format!("{} people have the mail, and get no second one.", grouped(sent))),
    });
    lines
}

fn mails(number: u64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "mail" } else { "mails" })
}

/// Makes mails due, a page at a time, and returns how many, and how it has ended.
fn try_again(
    store: &Store,
    id: NotificationId,
    permanent_too: bool,
    shutdown: &Shutdown,
    reporter: &Reporter,
) -> (u64, Result<MadeDue, StoreError>) {
    let (mut mails, mut after) = (0, None);
    loop {
        let made = match store.make_failed_due(id, permanent_too, after) {
            Ok(made) => made,
            Err(error) => return (mails, Err(error)),
        };
        let MadeDue::Failed(number, last) = made else { return (mails, Ok(made)) };
        mails += number;
        reporter.add(number);
        after = last;
        if last.is_none() {
            let deferred = store.make_deferred_due(id);
            mails += deferred.as_ref().copied().unwrap_or(0);
            return (mails, deferred.map(|_| made));
        }
        if shutdown.requested() {
            return (mails, Ok(made));
        }
    }
}

fn said(id: NotificationId, number: u64, ended: &Result<MadeDue, StoreError>) -> String {
    let done = match number {
        0 => "Nothing was changed".to_owned(),
        _ => format!("Workers try {} again within ten seconds", mails(number)),
    };
    match ended {
        Ok(MadeDue::Failed(_, None)) if number == 0 => {
            format!(
                "{done}: notification {id} has no such mail any more. Workers have them already, or a retry was faster."
            )
        }
        Ok(MadeDue::Failed(_, None)) => {
            format!("{done}. The page of the notification says what becomes of them.")
        }
        Ok(MadeDue::Failed(_, Some(_))) => {
            format!(
                "{done}. There are more: the worker was stopped. Press the button once more at another worker, or when it runs again."
            )
        }
        Ok(MadeDue::NotCompleted) => format!(
            "{done}: notification {id} is not completed, so a worker still sends it, or somebody has to look at its data first. Its page \
             says what can be done."
        ),
        Ok(MadeDue::Unknown) => format!("{done}: there is no notification {id} any more."),
        Ok(MadeDue::Retried) => format!(
            "{done}: a `fanmail retry` sends notification {id} at the moment. Wait until it has ended, then press the button again."
        ),
        Err(error) => {
            format!("{done}. It ended early: {error}. When the database answers, press the button once more.")
        }
    }
}
