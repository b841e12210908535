//! The pages behind a button: one that asks first and says exactly what will happen, one that says how it has ended, and one that says why
//! not. What leads to them is left to `acting`, what buttons do to `retry` and `replay`.

use serde::Serialize;
use url::form_urlencoded;

use crate::domain::ids::NotificationId;
use crate::http::access::Visitor;
use crate::http::access::form::FormSeal;
use crate::http::access::session::Session;
use crate::http::status_page::sentence::{Piece, pieces};

/// Where a person goes from here.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Back {
    path: String,
    text: String,
}

impl Back {
    pub(super) fn to_status() -> Self {
        Self { path: "/".to_owned(), text: "Back to the status".to_owned() }
    }

    pub(super) fn to_notification(id: NotificationId) -> Self {
        Self { path: format!("/notifications/{id}"), text: format!("Back to notification {id}") }
    }
}

/// A choice beside the button.
#[derive(Serialize)]
pub(super) struct Choice {
    pub name: &'static str,
    pub label: String,
}

/// A form that changes something.
#[derive(Serialize)]
pub(super) struct StepForm {
    pub path: String,
    pub seal: FormSeal,
    /// Further hidden fields.
    pub fields: Vec<(&'static str, String)>,
    pub choice: Option<Choice>,
    pub button: String,
}

/// The page. What it says may end with a form.
#[derive(Serialize)]
pub(super) struct StepView {
    title: String,
    lines: Vec<Vec<Piece>>,
    is_result: bool,
    form: Option<StepForm>,
    back: Back,
}

impl StepView {
    /// Asks first; without a form there is nothing to do.
    pub(super) fn asking(title: String, lines: &[String], form: Option<StepForm>, back: Back) -> Self {
        Self { title, lines: marked(lines), is_result: false, form, back }
    }

    /// Says what was done.
    pub(super) fn result(title: String, lines: &[String], back: Back) -> Self {
        Self { title, lines: marked(lines), is_result: true, form: None, back }
    }
}

fn marked(lines: &[String]) -> Vec<Vec<Piece>> {
    lines.iter().map(|line| pieces(line)).collect()
}

/// That of a person who has signed in.
pub(super) fn session(visitor: &Visitor) -> Option<&Session> {
    match visitor {
        Visitor::Person(session) => Some(session),
        Visitor::Local | Visitor::Program => None,
    }
}

/// A posted form.
pub(super) struct Posted {
    fields: Vec<(String, String)>,
    pub seal: FormSeal,
}

impl Posted {
    pub(super) fn read(body: &[u8]) -> Self {
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let mut posted = Self { fields, seal: FormSeal { made: String::new(), seal: String::new() } };
        posted.seal =
            FormSeal { made: posted.field("made").to_owned(), seal: posted.field("seal").to_owned() };
        posted
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}
