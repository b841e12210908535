//! What a message carries: note, reason and metadata in the mails.

use serde_json::json;

use super::*;

fn render_details(config: &ContentConfig, details: &MessageDetails) -> Content {
    let templates = Templates::load(config).unwrap();
    let context = templates
        .notification_context(&NotificationFacts {
            details: details.clone(),
            ..NotificationFacts::of_event(Kind::Updated, sample::full())
        })
        .unwrap();
    templates.render(&context, &sample::ada()).unwrap()
}

#[test]
fn both_parts_show_note_and_reason() {
    let mail = render_details(&ContentConfig::default(), &sample::details());
    let text = "\nReason: the hall is being renovated\n\nThe cloakroom is closed this time.\nPlease bring a warm coat.\n";
    assert!(mail.text(MediaType::Plain).contains(text), "{}", mail.text(MediaType::Plain));
    let html = mail.text(MediaType::Html);
    assert!(html.contains("\nReason: <bdi>the hall is being renovated</bdi>\n"), "{html}");
    assert!(html.contains("The cloakroom is closed this time.<br>\nPlease bring a warm coat."), "{html}");
    // Nothing else is known to have changed.
    for text in [MediaType::Plain, MediaType::Html].map(|part| mail.text(part)) {
        assert!(text.contains("There is news about this event.") && !text.contains("have changed"), "{text}");
    }
    let without = render_details(&ContentConfig::default(), &MessageDetails::default());
    assert!(
        !without.text(MediaType::Plain).contains("Reason")
            && !without.text(MediaType::Html).contains("Reason")
    );
}

/// The sentence is the subject and the body, and no heading or preview besides.
#[test]
fn a_notice_without_a_title_says_its_sentence_once() {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let facts = NotificationFacts::of_message(Kind::Notice, sample::bare_notice());
    let mail = templates.render(&templates.notification_context(&facts).unwrap(), &sample::ada()).unwrap();
    assert_eq!(mail.subject, "The office is closed today.");
    let html = mail.text(MediaType::Html);
    assert_eq!(html.matches(&mail.subject).count(), 1, "{html}");
    assert!(html.contains("For you\n</h1>") && html.matches("For you").count() == 1, "{html}");
    assert_eq!(mail.text(MediaType::Plain).matches(&mail.subject).count(), 1);
}

#[test]
fn what_a_publisher_writes_is_shown_literally() {
    let mail = render_details(&ContentConfig::default(), &sample::hostile_details());
    let html = mail.text(MediaType::Html);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;<br>\n.<br>\n{{ event.title }}"), "{html}");
    let reason = "Reason: <bdi>&quot;storm&quot; &amp; &lt;flood&gt; Bcc:\neveryone@example.org</bdi>";
    assert!(html.contains(reason), "{html}");
    assert!(mail.text(MediaType::Plain).contains("Reason: \"storm\" & <flood> Bcc: everyone@example.org\n"));
}

#[test]
fn templates_read_metadata_with_what_to_show_where_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("updated")).unwrap();
    let body = "{{ metadata.order | default(value='none') }}, {{ metadata.tags | default(value=[]) | join(sep='+') }}";
    fs::write(dir.path().join("updated/body.txt"), body).unwrap();
    let metadata = json!({"order": "A\u{0}7", "tags": ["x", 2]}).as_object().unwrap().clone();
    let details = MessageDetails { metadata, ..MessageDetails::default() };
    assert_eq!(
        render_details(&ContentConfig::with_templates(dir.path()), &details).text(MediaType::Plain),
        "A7, x+2\n"
    );
    let without = render_details(&ContentConfig::with_templates(dir.path()), &MessageDetails::default());
    assert_eq!(without.text(MediaType::Plain), "none,\n");
}

/// Else each mail of a message without it would fail.
#[test]
fn a_template_that_needs_metadata_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("updated")).unwrap();
    fs::write(dir.path().join("updated/body.txt"), "{{ metadata.order }}").unwrap();
    let error = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string();
    assert!(error.contains("updated/body.txt, line 1: ") && error.contains("order"), "{error}");
}
