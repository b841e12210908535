//! Turns errors of Tera into one line with file, line and cause.

use tera::ErrorKind;

use crate::content::catalogue::built_in_frame;
use crate::content::catalogue::source::Sources;
use crate::content::check::names::names;
use crate::content::error::TemplateError;

/// The error in one line, with the path that the user knows.
pub(crate) fn explain(error: &tera::Error, sources: &Sources) -> TemplateError {
    let text = match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let path = sources.path(report.filename());
            format!("{path}, line {}: {}", report.span().start_line, report.message())
        }
        ErrorKind::MissingParent { current, parent } => format!(
            "{}: extends \"{parent}\", which does not exist (existing templates: {})",
            sources.path(current),
            sources.all().iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
        // For unknown templates, blocks and filters, Tera returns a printed report.
        ErrorKind::Msg(report) => from_report(report, sources).unwrap_or_else(|| report.clone()),
        _ => error.to_string(),
    };
    TemplateError(text)
}

/// Reads the first two lines of a report: `error: message` and `--> file:line:column`.
fn from_report(report: &str, sources: &Sources) -> Option<String> {
    let mut lines = report.lines();
    let message = lines.next()?.strip_prefix("error: ")?;
    let mut place = lines.next()?.trim_start().strip_prefix("--> ")?.rsplitn(3, ':');
    let (_column, line, file) = (place.next()?, place.next()?, place.next()?);
    Some(format!("{}, line {line}: {message}{}", sources.path(file), known_blocks(message, file, sources)))
}

/// Which blocks there are, for a message about one that is not there: those of the frame as it is, which may be the user's, and
/// of the built-in frame.
fn known_blocks(message: &str, file: &str, sources: &Sources) -> String {
    if !message.starts_with("Block `") {
        return String::new();
    }
    let frame = if matches!(file.rsplit_once('.'), Some((_, "html"))) { "base.html" } else { "base.txt" };
    let Some(found) = sources.get(frame) else { return String::new() };
    let known = format!("; known blocks of {}: {}", found.path, blocks(&found.text).join(", "));
    match built_in_frame(frame).filter(|text| *text != found.text) {
        None => known,
        Some(text) => format!("{known}; the built-in {frame} has: {}", blocks(text).join(", ")),
    }
}

/// The names of the blocks, each once, in order.
fn blocks(template: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for pair in names(template).windows(2) {
        if pair[0].root == "block" && !found.contains(&pair[1].root) {
            found.push(pair[1].root);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_a_frame_are_found_in_order() {
        let frame = "{%- block a -%}x{% endblock a %}{# {% block no %} #}{% block b_1 %}{% block c %}{% endblock %}{% endblock %}";
        assert_eq!(blocks(frame), ["a", "b_1", "c"]);
    }
}
