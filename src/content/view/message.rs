//! What templates see of a message: note, reason, metadata, and a notice, which is about no event.

use tera::{Map, Value};

use crate::content::layout;
use crate::content::rich_text::RichText;
use crate::content::view::{EVENT, NOTICE, line, line_or_none, web_address};
use crate::domain::message::details::{MessageDetails, Notice, Routed};
use crate::text::clean::{cut, one_line, printable};

/// Fields of a publisher's own.
type Fields = serde_json::Map<String, serde_json::Value>;

/// Longest note of a publisher, in characters.
const NOTE_MAX: usize = 10_000;

/// Longest message of a notice, in characters. Every mail has it twice.
const MESSAGE_MAX: usize = 50_000;

/// How much of a message stands in the place of a title that is missing, in characters.
const TITLE_MAX: usize = 78;

/// How much of a message mail programs show in a list, in characters.
const PREVIEW_MAX: usize = 120;

/// The variables of what a message carries beyond kind and event.
pub(crate) fn variables(details: &MessageDetails) -> [(&'static str, Value); 7] {
    let routed = details.routed.as_ref();
    let of_routed = |fields: fn(&Routed) -> &Fields| {
        routed.map_or_else(|| Map::new().into(), |routed| cleaned(fields(routed)))
    };
    let note = cut(layout::paragraphs(details.note.as_deref().unwrap_or_default()), NOTE_MAX);
    [
        ("note_html", Value::safe_string(&RichText::plain(&note).to_inline_html())),
        ("note", note.into()),
        ("reason", line_or_none(details.reason.as_deref())),
        ("metadata", cleaned(&details.metadata)),
        ("payload", of_routed(|routed| &routed.payload)),
        ("meta", of_routed(|routed| &routed.meta)),
        ("notice", details.notice.as_ref().map_or_else(|| nothing(&NOTICE), notice)),
    ]
}

/// The value of `event` in the mails of a notice. The frames show its title and its button. The beginning of a message is no title here:
/// the message itself stands below.
pub(crate) fn instead_of_event(details: &MessageDetails) -> Value {
    let mut event = fields_without_values(&EVENT);
    if let Some(notice) = &details.notice {
        event.insert("title".into(), own_title(notice).into());
        event.insert("url".into(), url(notice));
    }
    event.into()
}

fn notice(notice: &Notice) -> Value {
    let message = cut(layout::paragraphs(&notice.message), MESSAGE_MAX);
    let mut fields = Map::new();
    fields.insert("title".into(), title(notice).into());
    fields.insert("preview".into(), preview(notice, &message).into());
    fields.insert("message_html".into(), Value::safe_string(&RichText::plain(&message).to_inline_html()));
    fields.insert("message".into(), message.into());
    fields.insert("url".into(), url(notice));
    fields.insert("type".into(), line_or_none(notice.notification_type.as_deref()));
    fields.insert("priority".into(), line_or_none(notice.priority.as_deref()));
    fields.into()
}

/// The beginning of the message, where it has no title.
fn title(notice: &Notice) -> String {
    own_title(notice).unwrap_or_else(|| cut(one_line(&notice.message), TITLE_MAX))
}

fn own_title(notice: &Notice) -> Option<String> {
    notice.title.as_deref().map(line).filter(|title| !title.is_empty())
}

/// The beginning of the message, if the subject does not say all of it.
fn preview(notice: &Notice, message: &str) -> String {
    let message = one_line(message);
    if title(notice) == message { String::new() } else { cut(message, PREVIEW_MAX) }
}

fn url(notice: &Notice) -> Value {
    notice.url.as_deref().and_then(web_address).into()
}

fn nothing(names: &[&'static str]) -> Value {
    fields_without_values(names).into()
}

fn fields_without_values(names: &[&'static str]) -> Map {
    names.iter().map(|name| ((*name).into(), Value::none())).collect()
}

/// Names and texts in it are cleaned, and may have several lines.
fn cleaned(fields: &Fields) -> Value {
    let clean = |(name, value): (&String, &serde_json::Value)| (printable(name).into(), json(value));
    fields.iter().map(clean).collect::<Map>().into()
}

fn json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => layout::paragraphs(text).into(),
        serde_json::Value::Array(values) => values.iter().map(json).collect::<Vec<Value>>().into(),
        serde_json::Value::Object(fields) => cleaned(fields),
        other => Value::from_serializable(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    #[test]
    fn the_list_names_all_fields() {
        for details in [sample::notice(), sample::details()] {
            let [.., (_, notice)] = variables(&details);
            let mut names: Vec<String> = notice.as_map().unwrap().keys().map(ToString::to_string).collect();
            names.sort();
            let mut expected = NOTICE.map(str::to_owned);
            expected.sort();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn a_notice_without_a_title_has_the_beginning_of_its_message() {
        let notice = Notice { message: format!("Hello\n{}", "word ".repeat(100)), ..Notice::default() };
        let title = title(&notice);
        assert!(title.starts_with("Hello word word") && title.chars().count() <= TITLE_MAX, "{title}");
        assert!(preview(&notice, &notice.message).starts_with("Hello word word"));
        let short = Notice { message: "Closed\ntoday.".to_owned(), ..Notice::default() };
        assert_eq!(
            (super::title(&short).as_str(), preview(&short, &short.message)),
            ("Closed today.", String::new())
        );
    }
}
