//! Which mails the gallery has of each kind: events and notices that are easy and hard to show, for people with easy and hard names.

use crate::content::sample::{self, edge_cases};
use crate::domain::event::Event;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;

/// One mail of the gallery, in any language.
pub(super) struct Case {
    /// A part of file names.
    pub name: &'static str,
    /// What the mail tells.
    pub facts: NotificationFacts,
    /// Whom.
    pub participant: Participant,
}

impl Case {
    /// About an event.
    pub fn of_event(name: &'static str, kind: Kind, event: Event, participant: Participant) -> Self {
        Self { name, facts: NotificationFacts::of_event(kind, event), participant }
    }

    /// Of an event that was as this one when people were last told of it.
    fn changed_from(self, earlier: &Event) -> Self {
        Self { facts: NotificationFacts { previous: Some(EventSnapshot::of(earlier)), ..self.facts }, ..self }
    }

    fn with_details(self, details: MessageDetails) -> Self {
        Self { facts: NotificationFacts { details, ..self.facts }, ..self }
    }
}

/// Those of this kind, the plain one first.
pub(super) fn of(kind: Kind) -> Vec<Case> {
    if kind == Kind::Notice {
        return notices();
    }
    let case = |name, event| Case::of_event(name, kind, event, sample::ada());
    let mut cases = vec![
        case("full", sample::full()),
        case("bare", sample::bare()),
        case("note-and-reason", sample::full()).with_details(sample::details()),
        case("all-day", sample::all_day()),
        case("several-days", edge_cases::several_days()),
        case("several-whole-days", edge_cases::several_whole_days()),
        case("past", edge_cases::past()),
        case("online", edge_cases::online()),
        case("long-title", edge_cases::long_title()),
        case("long-word", edge_cases::long_word()),
        case("long-description", edge_cases::long_description()),
        case("html-description", edge_cases::html_description()),
        case("markdown-description", edge_cases::markdown_description()),
        case("arabic", edge_cases::arabic()),
        case("hebrew", edge_cases::hebrew()),
        case("japanese", edge_cases::japanese()),
        case("emoji", edge_cases::emoji()),
        case("wrong-facts", edge_cases::wrong_facts()),
        case("hostile", sample::hostile()).with_details(sample::hostile_details()),
        Case::of_event("nameless", kind, sample::full(), sample::nameless()),
        Case::of_event("own-time", kind, sample::full(), sample::far_away()),
        Case::of_event("hostile-name", kind, sample::full(), sample::hostile_name()),
        Case::of_event("link-as-name", kind, sample::full(), sample::link_name()),
    ];
    if kind == Kind::Updated {
        cases.extend([
            case("changed", sample::full()).changed_from(&sample::earlier()),
            case("changed-everything", sample::full()).changed_from(&edge_cases::arabic()),
            case("changed-hostile", sample::full()).changed_from(&sample::hostile()),
            case("changed-to-nothing", sample::bare()).changed_from(&sample::full()),
        ]);
    }
    cases
}

fn notices() -> Vec<Case> {
    let notice = |name, details| Case {
        name,
        facts: NotificationFacts::of_message(Kind::Notice, details),
        participant: sample::ada(),
    };
    vec![
        notice("full", sample::notice()),
        notice("bare", sample::bare_notice()),
        notice("hostile", sample::hostile_notice()),
    ]
}
