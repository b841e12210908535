//! `/dead-letters/replay`: a person who has signed in has dead letters replayed, one or all with a reason. The page asks first, and names
//! those that stay. Replaying is left to `broker`, and which are outdated to `report`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::broker::dead_letters::replay::{ReplaySummary, replay};
use crate::broker::dead_letters::view::DeadLetterView;
use crate::config::broker::BrokerConfig;
use crate::http::access::Visitor;
use crate::http::broker::NoBrokerAnswer;
use crate::http::status_page::actions::{Outcome, Reporter};
use crate::http::status_page::dead_letters::{ID, REASON, REPLAY};
use crate::http::status_page::replay::plan::{Judge, Meant, NONE_LEFT, Plan, kept_lines};
use crate::http::status_page::step::{Back, Posted, StepForm, StepView, session};
use crate::http::status_page::view::Frame;
use crate::http::status_page::{StatusPage, query_field};
use crate::observe::events;
use crate::shutdown::Shutdown;
use crate::text::count::count;
use crate::text::mask::masked_line;

mod plan;

const TITLE: &str = "Replay dead letters";
/// The field of the form that says how many the page has named.
const NUMBER: &str = "number";

pub(super) async fn ask(
    State(page): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(session) = session(&visitor) else { return page.not_signed_in(&visitor) };
    let field = |name| query_field(query.as_deref(), name).unwrap_or_default();
    let Some(meant) = Meant::new(&field(ID), &field(REASON)) else { return nothing_meant(&page, &visitor) };
    let frame = Frame::still_of(&visitor);
    let Some(judge) = Judge::of(&page) else { return page.inner.unavailable(&frame) };
    let sought = meant.clone();
    let planned = page.inner.broker.ask(move |config| Plan::make(config, &sought, &judge)).await;
    let plan = match planned {
        Ok(Ok(plan)) => plan,
        Ok(Err(error)) => {
            return not_now(
                &page,
                &visitor,
                &format!("Nothing was changed: {}.", masked_line(&format!("{error:#}"))),
            );
        }
        Err(why) => return not_now(&page, &visitor, no_answer(why)),
    };
    let seal = page.seal(session, REPLAY).filter(|_| plan.number() > 0 && !plan.is_cut);
    let form = seal.map(|seal| StepForm {
        path: REPLAY.to_owned(),
        seal,
        fields: vec![meant.field(), (NUMBER, plan.number().to_string())],
        choice: None,
        button: format!("Replay {}", count(plan.number(), "dead letter")),
    });
    let view = StepView::asking(TITLE.to_owned(), &plan.lines(), form, Back::to_status());
    page.inner.pages.respond(StatusCode::OK, "step.html", &frame, &view)
}

pub(super) async fn act(
    State(page): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let posted = Posted::read(&body);
    if let Err(refusal) = page.check(&visitor, REPLAY, &posted, &headers, &Back::to_status()) {
        return *refusal;
    }
    let meant = Meant::new(posted.field(ID), posted.field(REASON));
    let (Some(meant), Ok(number)) = (meant, posted.field(NUMBER).parse()) else {
        return nothing_meant(&page, &visitor);
    };
    let Some(judge) = Judge::of(&page) else { return page.inner.unavailable(&Frame::still_of(&visitor)) };
    let (inner, seal) = (Arc::clone(&page.inner), posted.seal.seal);
    if let Some(known) = page.known_action(&seal) {
        return known;
    }
    let turn = match inner.broker.turn().await {
        Ok(turn) => turn,
        Err(why) => {
            // The same form may have begun meanwhile.
            return page.known_action(&seal).unwrap_or_else(|| not_now(&page, &visitor, no_answer(why)));
        }
    };
    let work = move |reporter: &Reporter| {
        let (summary, ended) = replay_meant(&turn.config, &meant, number, &judge, &inner.shutdown, reporter);
        drop(turn);
        inner.dead_letters.forget();
        if !summary.replayed.is_empty() {
            events::http::replayed(summary.replayed.len() as u64);
        }
        Outcome { lines: said(&summary, ended) }
    };
    page.act(&visitor, &seal, TITLE.to_owned(), Back::to_status(), work).await
}

/// Replays at most `number` of those that are meant: what has come since the page asked is not in what it said.
fn replay_meant(
    config: &BrokerConfig,
    meant: &Meant,
    number: u64,
    judge: &Judge,
    shutdown: &Shutdown,
    reporter: &Reporter,
) -> (ReplaySummary, anyhow::Result<()>) {
    let mut summary = ReplaySummary::default();
    let mut left = number;
    let ended = judge.letters().map_err(anyhow::Error::from).and_then(|mut outdated| {
        let mut check = |letter: &DeadLetterView| -> anyhow::Result<Option<String>> {
            let why = outdated.why_outdated(letter)?;
            if why.is_none() {
                if left == 0 {
                    return Ok(Some(CAME_LATER.to_owned()));
                }
                left -= 1;
                reporter.add(1);
            }
            Ok(why)
        };
        replay(config, &meant.selection(), shutdown, &mut check, &mut summary)
    });
    (summary, ended)
}

const CAME_LATER: &str = "it has come since the page asked; look at it, and press the button again";

/// What became of them.
fn said(summary: &ReplaySummary, ended: anyhow::Result<()>) -> Vec<String> {
    let mut to: BTreeMap<&str, u64> = BTreeMap::new();
    for letter in &summary.replayed {
        *to.entry(&letter.to).or_default() += 1;
    }
    let went = |(queue, number): (&&str, &u64)| {
        format!(
            "{} replayed: their messages are in the queue {}.",
            count(*number, "dead letter"),
            masked_line(queue)
        )
    };
    let mut kept: BTreeMap<String, u64> = BTreeMap::new();
    for (_, why) in &summary.kept {
        *kept.entry(why.clone()).or_default() += 1;
    }
    let mut lines: Vec<String> = to.iter().map(went).chain(kept_lines(&kept)).collect();
    match ended {
        Err(error) => lines.push(format!(
            "It has ended early: {}. The others are still dead letters: press the button again when that is mended.",
            masked_line(&format!("{error:#}"))
        )),
        Ok(()) if summary.interrupted => {
            lines.push("The worker was stopped. The others are still dead letters: press the button again.".to_owned());
        }
        Ok(()) if lines.is_empty() => lines.push(NONE_LEFT.to_owned()),
        Ok(()) => {}
    }
    lines
}

fn nothing_meant(page: &StatusPage, visitor: &Visitor) -> Response {
    let line = "Nothing was changed: the address of this page does not say which dead letters are meant. Use the buttons of the status page.";
    page.refuse(visitor, StatusCode::BAD_REQUEST, TITLE, line, Back::to_status())
}

fn not_now(page: &StatusPage, visitor: &Visitor, line: &str) -> Response {
    page.refuse(visitor, StatusCode::SERVICE_UNAVAILABLE, TITLE, line, Back::to_status())
}

fn no_answer(why: NoBrokerAnswer) -> &'static str {
    match why {
        NoBrokerAnswer::NotUsed => {
            "This worker has no broker (--outbox-only), and so no dead letters. Use the page of another worker."
        }
        NoBrokerAnswer::Busy => {
            "Nothing was changed: this page looks at dead letters or replays some at the moment. Try again in a few seconds."
        }
        NoBrokerAnswer::Late => {
            "Nothing was changed: the broker does not answer. Look at it with: fanmail check"
        }
        NoBrokerAnswer::Failed => {
            "Nothing was changed, because of a bug in fanmail. The log of the worker has more."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::replay::ReplayedLetter;

    fn letter(id: &str) -> ReplayedLetter {
        ReplayedLetter { id: id.to_owned(), to: "events".to_owned(), message_id: None }
    }

    #[test]
    fn the_page_says_what_has_happened() {
        let kept = vec![("a3".to_owned(), CAME_LATER.to_owned()), ("a4".to_owned(), CAME_LATER.to_owned())];
        let replayed = vec![letter("a1"), letter("a2")];
        let mut summary = ReplaySummary { replayed, kept, interrupted: false, began: true };
        insta::assert_snapshot!(said(&summary, Err(anyhow::anyhow!("connection refused"))).join("\n"), @r"
        2 dead letters replayed: their messages are in the queue events.
        2 dead letters stay: it has come since the page asked; look at it, and press the button again.
        It has ended early: connection refused. The others are still dead letters: press the button again when that is mended.
        ");
        summary = ReplaySummary { interrupted: true, ..ReplaySummary::default() };
        assert!(said(&summary, Ok(())).concat().starts_with("The worker was stopped."));
        assert_eq!(said(&ReplaySummary::default(), Ok(())), [NONE_LEFT]);
    }
}
