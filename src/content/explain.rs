//! Turns errors of Tera into one line with file, line and cause.

use tera::ErrorKind;

use crate::content::catalogue::Sources;
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
            sources.all().iter().map(|source| source.name).collect::<Vec<_>>().join(", ")
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
    Some(format!("{}, line {line}: {message}", sources.path(file)))
}
