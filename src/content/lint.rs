//! Finds what hurts in the mails that templates make of sample data: for people, for mail programs, and for spam filters. Whether
//! templates can be used at all is left to `check`.

mod contrast;
pub mod finding;
mod html;

use crate::content::lint::finding::{Finding, Findings, Severity};
use crate::content::lint::html::look_at_html;
use crate::content::renderer::Templates;
use crate::content::sample;
use crate::content::tag::Tag;
use crate::content::templates_dir::TemplatesDir;
use crate::domain::content::{Content, MediaType};
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;

/// Gmail cuts HTML off behind about this many bytes, as senders have measured.
const HTML_MAX: usize = 102 * 1024;

/// Longer subjects take two lines of the header (RFC 5322 section 2.1.1), and lists of mails show their beginning only.
const SUBJECT_MAX: usize = 78;

/// All findings, each once.
#[must_use]
pub fn lint(templates: &Templates) -> Vec<Finding> {
    let mut findings = Findings::default();
    for sentence in templates.dir().map(TemplatesDir::misnamed).unwrap_or_default() {
        findings.add(Severity::Warning, "", sentence);
    }
    let in_language = |tag: Tag| Participant { locale: Some(tag.to_string()), ..sample::ada() };
    let participants: Vec<Participant> = templates.languages().into_iter().map(in_language).collect();
    for (kind, facts) in samples() {
        let folder = kind.folder().unwrap_or_default();
        match templates.notification_context_at(&facts, sample::now()) {
            Err(error) => findings.add(Severity::Error, folder, error.to_string()),
            Ok(context) => {
                // As with UNSUBSCRIBE_URL.
                let link = (kind != Kind::Cancelled).then_some(sample::UNSUBSCRIBE_URL);
                for participant in &participants {
                    match templates.render_with_link(&context, participant, link) {
                        Ok(mail) => {
                            look_at(&mail, folder, &mut findings);
                            look_for_link(&mail, link, folder, &mut findings);
                        }
                        Err(error) => findings.add(Severity::Error, folder, error.to_string()),
                    }
                }
            }
        }
    }
    findings.all
}

/// What mails are made of, whose own text gives no reason for a finding.
fn samples() -> Vec<(Kind, NotificationFacts)> {
    let of_kind = |kind: Kind| {
        [sample::full(), sample::all_day(), sample::bare()].map(|event| {
            let details = sample::details();
            (kind, NotificationFacts { details, ..NotificationFacts::of_event(kind, event) })
        })
    };
    let notices = [sample::notice(), sample::bare_notice()]
        .map(|details| (Kind::Notice, NotificationFacts::of_message(Kind::Notice, details)));
    Kind::OF_EVENTS.into_iter().flat_map(of_kind).chain(notices).collect()
}

fn look_at(content: &Content, folder: &str, findings: &mut Findings) {
    let length = content.subject.chars().count();
    if length > SUBJECT_MAX {
        let subject = &content.subject;
        let problem = format!(
            "the subject has {length} characters; mail programs show fewer than {SUBJECT_MAX}, so put what matters first: {subject}"
        );
        findings.add(Severity::Warning, &format!("{folder}/subject.txt"), problem);
    }
    if content.text(MediaType::Plain).trim().is_empty() {
        let problem = "the text part is empty; people without HTML, and spam filters, read it";
        findings.add(Severity::Error, &format!("{folder}/body.txt"), problem.to_owned());
    }
    let template = format!("{folder}/body.html");
    let html = content.text(MediaType::Html);
    if html.len() > HTML_MAX {
        let kilobytes = html.len().div_ceil(1024);
        let problem = format!("the HTML has {kilobytes} kB; Gmail cuts it off behind 102 kB");
        findings.add(Severity::Error, &template, problem);
    }
    look_at_html(html, &template, findings);
}

/// A link in the headers alone is not visible. CANCELLED has none.
fn look_for_link(content: &Content, link: Option<&str>, folder: &str, findings: &mut Findings) {
    let Some(link) = link else { return };
    for (media_type, file) in [(MediaType::Plain, "body.txt"), (MediaType::Html, "body.html")] {
        if !content.text(media_type).contains(link) {
            let problem = "shows no link that unsubscribes; with UNSUBSCRIBE_URL mails need a visible one, for Gmail and Yahoo and so \
                           that people do not press \"spam\": show unsubscribe_url";
            findings.add(Severity::Warning, &format!("{folder}/{file}"), problem.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
