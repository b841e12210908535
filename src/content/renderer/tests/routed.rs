//! The templates of routes, in folders of one's own.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::domain::message::details::Routed;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder with these parts.
fn welcome(subject: &str, text: &str, html: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("subject.txt", subject), ("body.txt", text), ("body.html", html)] {
        write(dir.path(), &format!("welcome/{name}"), text);
    }
    dir
}

fn details(payload: &Value) -> MessageDetails {
    let payload = payload.as_object().unwrap().clone();
    let meta = json!({"routing_key": "a.b"}).as_object().unwrap().clone();
    let routed = Routed { template: "welcome".to_owned(), payload, meta };
    MessageDetails { routed: Some(routed), ..MessageDetails::default() }
}

fn render(dir: &Path, event: Option<&Event>, payload: &Value) -> Result<Content, String> {
    let templates = Templates::load_with(&ContentConfig::with_templates(dir), &["welcome".to_owned()])
        .map_err(|error| error.to_string())?;
    let context = templates.notification_context(&NotificationFacts {
        event: event.cloned(),
        ..NotificationFacts::of_message(Kind::Routed, details(payload))
    });
    let rendered = context.and_then(|context| templates.render(&context, &sample::ada()));
    rendered.map_err(|error| error.to_string())
}

#[test]
fn payload_and_meta_are_shown_cleaned_and_escaped() {
    let dir = welcome(
        "{{ payload.title }}",
        "{% extends \"base.txt\" %}{% block intro %}{{ payload.user.note }} {{ meta.routing_key }} {{ kind }}{% endblock %}",
        "{{ payload.user.note }}|{{ participant.name }}",
    );
    let payload = json!({"title": "Hi\r\nBcc: x", "user": {"note": "<b>\u{7}\u{202e}1 & 2"}});
    let mail = render(dir.path(), None, &payload).unwrap();
    assert_eq!(mail.subject, "Hi Bcc: x");
    assert!(
        mail.text(MediaType::Plain).contains("\n<b>1 & 2 a.b ROUTED\n"),
        "{}",
        mail.text(MediaType::Plain)
    );
    assert_eq!(mail.text(MediaType::Html), "&lt;b&gt;1 &amp; 2|Ada Lovelace");
    let dir = welcome("{{ event.title }}", "{{ event.title }}", "{{ payload.x | default(value=1) }}");
    let mail = render(dir.path(), Some(&sample::full()), &payload).unwrap();
    assert_eq!((mail.subject.as_str(), mail.text(MediaType::Html)), ("Winter Lights Concert", "1"));
}

/// As with `metadata`, the mail fails and not the start: only a message has the field.
#[test]
fn a_field_that_this_payload_does_not_have_fails_the_mail() {
    let dir = welcome("Hello", "{{ payload.name }}", "x");
    render(dir.path(), None, &json!({"name": "Ada"})).unwrap();
    let error = render(dir.path(), None, &json!({})).unwrap_err();
    assert!(error.contains("welcome/body.txt, line 1: ") && error.contains("name"), "{error}");
}

#[test]
fn a_missing_or_wrong_template_of_a_route_is_told_at_start() {
    let dir = welcome("Hello", "{{ evnt.title }}", "x");
    let told = || render(dir.path(), None, &json!({})).unwrap_err();
    assert!(told().contains("welcome/body.txt, line 1: the variable \"evnt\" is not known"), "{}", told());
    fs::remove_file(dir.path().join("welcome/body.txt")).unwrap();
    assert!(told().ends_with("welcome/body.txt is missing; a route of ROUTES_FILE needs it"), "{}", told());
    let error =
        Templates::load_with(&ContentConfig::default(), &["welcome".to_owned()]).unwrap_err().to_string();
    assert!(
        error.contains("TEMPLATES_DIR is not set; set it to the folder that has welcome/subject.txt, "),
        "{error}"
    );
}

/// The ledger may have mails of a route that is not in the file any more.
#[test]
fn folders_that_no_route_names_are_there_for_the_ledger() {
    let dir = welcome("Hello", "x", "y");
    write(dir.path(), "half/subject.txt", "x");
    for name in ["subject.txt", "body.txt", "body.html"] {
        write(dir.path(), &format!("other/{name}"), "{% unknown %}");
    }
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = templates
        .notification_context(&NotificationFacts::of_message(Kind::Routed, details(&json!({}))))
        .unwrap();
    assert_eq!(templates.render(&context, &sample::ada()).unwrap().subject, "Hello");
    fs::remove_dir_all(dir.path().join("welcome")).unwrap();
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let error = templates.check_folder(Kind::Routed, &details(&json!({}))).unwrap_err().to_string();
    let told = format!(
        "its templates welcome are not in {}, or have errors; it needs welcome/subject.txt, welcome/body.txt, welcome/body.html",
        dir.path().display()
    );
    assert_eq!(error, told);
}
