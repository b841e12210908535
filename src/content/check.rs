//! Finds errors in templates before the first mail: unknown variables and fields anywhere, also in branches that no
//! sample takes, and errors that only rendering shows. Each error names file and line.

mod calls;
pub(crate) mod names;

use tera::Tera;

use crate::content::catalogue::source::{Source, Sources};
use crate::content::check::calls::check_calls;
use crate::content::check::names::{Name, names};
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::locales::Locales;
use crate::content::renderer::{NotificationContext, Templates};
use crate::content::view::arguments::ARGUMENTS;
use crate::content::words::Words;
use crate::content::{sample, view};
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;

/// Finds variables, fields and texts that do not exist.
///
/// # Errors
/// The first one.
pub(crate) fn check_names(
    tera: &Tera,
    sources: &Sources,
    words: &Words,
    locales: &Locales,
) -> Result<(), TemplateError> {
    let names_in: Vec<Vec<Name>> = sources.all().iter().map(|source| names(&source.text)).collect();
    // A frame may set a variable for the templates that extend it.
    let set: Vec<&str> = names_in.iter().flatten().filter(|name| name.is_set).map(|name| name.root).collect();
    for (source, names) in sources.all().iter().zip(&names_in) {
        let mut used: Vec<&str> = tera
            .get_template_variables(&source.name)
            .map_err(|error| explain(&error, sources))?
            .into_iter()
            .collect();
        used.sort_unstable();
        let unknown =
            used.into_iter().find(|variable| !view::VARIABLES.contains(variable) && !set.contains(variable));
        if let Some(unknown) = unknown {
            let name = names.iter().find(|name| name.root == unknown);
            return Err(unknown_name("variable", unknown, source, name, &view::VARIABLES));
        }
        for name in names {
            check_field(name, source, words)?;
        }
        check_calls(names, source, locales)?;
    }
    Ok(())
}

fn check_field(name: &Name<'_>, source: &Source, words: &Words) -> Result<(), TemplateError> {
    let Some(field) = name.field else { return Ok(()) };
    let fields: &[&str] = match name.root {
        "event" => &view::EVENT,
        "participant" => &view::PARTICIPANT,
        "notice" => &view::NOTICE,
        "changed" | "was" => &view::changes::CHANGED,
        "locale" => &view::LOCALE,
        "brand" => &view::sender::BRAND,
        view::TEXT => return check_text(field, name, source, words),
        _ => return Ok(()),
    };
    if fields.contains(&field) {
        return Ok(());
    }
    Err(unknown_name("field", &format!("{}.{field}", name.root), source, Some(name), fields))
}

/// A text that a template shows has to be there, and has no arguments but those that every mail has.
fn check_text(field: &str, name: &Name<'_>, source: &Source, words: &Words) -> Result<(), TemplateError> {
    let Some(text) = words.get(field) else {
        let known: Vec<&str> = words.names().collect();
        return Err(unknown_name("text", &format!("{}.{field}", view::TEXT), source, Some(name), &known));
    };
    if text.is_plural() {
        return Err(TemplateError(format!(
            "{}, line {}: the text \"{field}\" has forms for numbers; show it with {{{{ number | plural(text=\"{field}\") }}}}",
            source.path, name.line
        )));
    }
    match text.arguments().find(|argument| !ARGUMENTS.contains(argument)) {
        None => Ok(()),
        Some(argument) => Err(TemplateError(format!(
            "{}, line {}: the text \"{field}\" has {{{argument}}}, which \"{}.{field}\" cannot fill (it fills: {})",
            source.path,
            name.line,
            view::TEXT,
            ARGUMENTS.join(", ")
        ))),
    }
}

fn unknown_name(
    sort: &str,
    what: &str,
    source: &Source,
    name: Option<&Name<'_>>,
    known: &[&str],
) -> TemplateError {
    let line = name.map_or(String::new(), |name| format!(", line {}", name.line));
    TemplateError(format!(
        "{}{line}: the {sort} \"{what}\" is not known (known: {})",
        source.path,
        known.join(", ")
    ))
}

/// Renders the mails of all kinds with all sample data, in the language of people without a locale; with templates of somebody's own
/// in all others, too.
///
/// # Errors
/// The first template that does not render.
pub(crate) fn render_samples(templates: &Templates) -> Result<(), TemplateError> {
    for kind in Kind::OF_EVENTS {
        for (event, details) in [
            (sample::full(), sample::details()),
            (sample::all_day(), MessageDetails::default()),
            (sample::bare(), MessageDetails::default()),
            (sample::hostile(), sample::hostile_details()),
        ] {
            let facts = NotificationFacts { details, ..NotificationFacts::of_event(kind, event) };
            let previous = EventSnapshot::of(&sample::earlier());
            let changed = NotificationFacts { previous: Some(previous), ..facts.clone() };
            for facts in [facts, changed] {
                render_for_all(templates, &templates.notification_context_at(&facts, sample::now())?)?;
            }
        }
    }
    for details in [sample::notice(), sample::bare_notice(), sample::hostile_notice()] {
        let facts = NotificationFacts::of_message(Kind::Notice, details);
        render_for_all(templates, &templates.notification_context(&facts)?)?;
    }
    Ok(())
}

fn render_for_all(templates: &Templates, context: &NotificationContext) -> Result<(), TemplateError> {
    let people =
        [sample::ada(), sample::nameless(), sample::hostile_name(), sample::link_name(), sample::far_away()];
    for participant in people {
        let participant = Participant { locale: None, ..participant };
        templates.render(context, &participant)?;
        templates.render_with_link(context, &participant, Some(sample::UNSUBSCRIBE_URL))?;
    }
    for tag in templates.languages().iter().filter(|_| templates.dir().is_some()) {
        templates.render(context, &Participant { locale: Some(tag.to_string()), ..sample::ada() })?;
    }
    Ok(())
}
