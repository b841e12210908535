//! The HTML of the gallery: its index, and the page of one mail. Mails are shown in frames, as they are.

use crate::commands::preview::shown_mail::ShownMail;
use crate::domain::content::MediaType;
use crate::domain::kind::Kind;
use crate::text::clean::printable;

/// One mail of the gallery.
pub(super) struct Entry {
    /// Its files are called so, without what follows the last dot: `en.updated.full`.
    pub name: String,
    /// The mail.
    pub shown: ShownMail,
    locale: String,
    kind: Kind,
    case: &'static str,
}

impl Entry {
    pub fn new(locale: &str, kind: Kind, case: &'static str, shown: ShownMail) -> Self {
        let locale: String = locale.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let name = format!("{locale}.{}.{case}", kind.as_str().to_ascii_lowercase());
        Self { name, shown, locale, kind, case }
    }

    fn title(&self) -> String {
        format!("{}, {}, {}", self.locale, self.kind, self.case)
    }
}

/// The languages that are built in, and those that are written from right to left.
const NAMES: [(&str, &str); 6] = [
    ("en", "English"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("ar", "Arabic"),
    ("he", "Hebrew"),
];

/// Sizes of the frames, in CSS pixels: of an older telephone, and of the mail window of a desktop computer.
const PHONE: (u32, u32) = (375, 812);
const DESKTOP: (u32, u32) = (760, 812);

const STYLE: &str = "\
:root { color-scheme: light dark }
body { margin: 0; padding: 24px; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText }
h1 { font-size: 24px; margin: 0 0 12px } h2 { font-size: 20px; margin: 32px 0 8px } h3 { font-size: 16px; margin: 20px 0 8px }
nav a { margin-right: 16px }
iframe { border: 1px solid GrayText; background: Canvas }
.mails { display: flex; flex-wrap: wrap; gap: 16px; list-style: none; margin: 0; padding: 0 }
.mails li { width: 190px }
.small { display: block; width: 188px; height: 300px; overflow: hidden; border: 1px solid GrayText }
.small iframe { border: 0; transform: scale(0.5); transform-origin: 0 0; pointer-events: none }
.frames { display: flex; flex-wrap: wrap; gap: 24px }
table { border-collapse: collapse } th { text-align: start; padding: 2px 16px 2px 0; vertical-align: top; font-weight: 600 }
td { overflow-wrap: anywhere } pre { overflow-x: auto; border: 1px solid GrayText; padding: 16px; white-space: pre-wrap }
";

/// The page that links all mails.
pub(super) fn index(entries: &[Entry]) -> String {
    let by_locale = || entries.chunk_by(|one, other| one.locale == other.locale);
    let links = by_locale().map(|of_locale| {
        let locale = &of_locale[0].locale;
        format!("<a href=\"#{locale}\">{}</a>", language(locale))
    });
    let body = format!(
        "<h1>Gallery of mails</h1>\n<nav aria-label=\"Languages\">{}</nav>\n{}",
        links.collect::<String>(),
        by_locale().map(of_locale).collect::<String>()
    );
    page("Gallery of mails", &body)
}

/// The mails of one language.
fn of_locale(entries: &[Entry]) -> String {
    let of_kind = |entries: &[Entry]| {
        let thumbnails: String = entries.iter().map(thumbnail).collect();
        format!("<h3>{}</h3>\n<ul class=\"mails\">\n{thumbnails}</ul>\n", entries[0].kind)
    };
    let kinds: String = entries.chunk_by(|one, other| one.kind == other.kind).map(of_kind).collect();
    let locale = &entries[0].locale;
    format!("<h2 id=\"{locale}\">{}</h2>\n{kinds}", language(locale))
}

/// The name of a language that the gallery has by itself, with its tag; the tag alone of others.
fn language(locale: &str) -> String {
    let name = NAMES.iter().find(|(tag, _)| *tag == locale).map(|(_, name)| name);
    name.map_or_else(|| locale.to_owned(), |name| format!("{name} ({locale})"))
}

fn thumbnail(entry: &Entry) -> String {
    let Entry { name, case, shown, .. } = entry;
    let (title, subject) = (escaped(&entry.title()), escaped(&shown.content.subject));
    format!(
        "<li><a href=\"pages/{name}.html\" title=\"{subject}\"><span class=\"small\">{}</span>{case}</a></li>\n",
        frame(&format!("mails/{name}.html"), &title, (PHONE.0, 600), true)
    )
}

/// The page of one mail, with links to those before and behind it.
pub(super) fn of_mail(entry: &Entry, neighbours: [Option<&Entry>; 2]) -> String {
    let Entry { name, shown, locale, .. } = entry;
    let (title, file) = (escaped(&entry.title()), format!("../mails/{name}"));
    let neighbours = neighbours.into_iter().zip(["Previous", "Next"]).filter_map(|(neighbour, word)| {
        let name = &neighbour?.name;
        Some(format!("<a href=\"{name}.html\">{word}: {name}</a>"))
    });
    let fields = shown.fields().into_iter().map(|(field, value)| {
        let (field, value) = (escaped(&field), escaped(&value));
        format!("<tr><th scope=\"row\">{field}</th><td><bdi>{value}</bdi></td></tr>\n")
    });
    let whole = if shown.mail.is_ok() {
        format!(", <a href=\"{file}.eml\">the whole mail</a>")
    } else {
        String::new()
    };
    let frame =
        |device: &str, size| frame(&format!("{file}.html"), &format!("{title}: {device}"), size, false);
    let body = format!(
        "<nav aria-label=\"Gallery\"><a href=\"../index.html#{locale}\">All mails</a>{}</nav>\n\
         <h1>{title}</h1>\n<table>\n{}</table>\n\
         <p><a href=\"{file}.html\">The HTML part alone</a>, <a href=\"{file}.txt\">the text part</a>{whole}</p>\n\
         <h2>HTML part</h2>\n<div class=\"frames\">\n{}{}</div>\n<h2>Text part</h2>\n<pre dir=\"auto\" role=\"region\" aria-label=\"Text part\" tabindex=\"0\">{}</pre>\n",
        neighbours.collect::<String>(),
        fields.collect::<String>(),
        frame("telephone", PHONE),
        frame("desktop", DESKTOP),
        escaped(shown.content.text(MediaType::Plain))
    );
    page(&title, &body)
}

/// A mail as it is. In the index, only what a reader scrolls to is loaded, and none can be reached with the keyboard.
fn frame(path: &str, title: &str, (width, height): (u32, u32), is_small: bool) -> String {
    let small = if is_small { " loading=\"lazy\" tabindex=\"-1\" scrolling=\"no\"" } else { "" };
    format!(
        "<iframe src=\"{path}\" title=\"{title}\" width=\"{width}\" height=\"{height}\" sandbox{small}></iframe>\n"
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut html = Vec::with_capacity(text.len());
    // Writing into memory cannot fail.
    if tera::escape_html(&printable(text), &mut html).is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&html).into_owned()
}
