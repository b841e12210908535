//! Whether the mails of all routes render with their samples, and whether each route can match anything.

use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::parts::{Parts, not_checked};
use crate::commands::route_sample;
use crate::config::broker::BrokerConfig;
use crate::config::broker::bindings::Binding;
use crate::content::renderer::Templates;
use crate::content::sample;
use crate::routes::pattern::Pattern;
use crate::routes::{MessageRoute, Routes};
use crate::text::count::count;

/// Looks at each route.
///
/// # Errors
/// What is wrong with the file, the templates or a sample, or which route never matches.
pub fn check(parts: &Parts<'_>) -> Result<Finding, String> {
    let config = parts.config;
    let Some(path) = &config.worker.routes_file else {
        return Ok(Finding::skipped("ROUTES_FILE is not set"));
    };
    let routes = Routes::load(path).map_err(with_causes)?;
    let Ok(templates) = parts.load_templates() else { return Ok(not_checked("templates")) };
    let (mut rendered, mut problems, mut notes) = (0, Vec::new(), Vec::new());
    for route in routes.all() {
        match render(&routes, route, templates) {
            Ok(true) => rendered += 1,
            Ok(false) => notes.push(format!(
                "route {} has no sample, so its mail is not rendered; put the body of a message into {}",
                route.name,
                route_sample::path(&routes, route).display()
            )),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(shadowed(routes.all()));
    if !config.worker.outbox {
        notes.extend(routes.all().iter().filter_map(|route| unreached(route, &config.broker)));
    }
    let names: Vec<&str> = routes.all().iter().map(|route| route.name.as_str()).collect();
    let works = format!(
        "{} of {}: {}; {}",
        count(names.len() as u64, "route"),
        path.display(),
        names.join(", "),
        match rendered {
            1 => "1 sample renders".to_owned(),
            rendered => format!("{rendered} samples render"),
        }
    );
    let finding =
        if problems.is_empty() { Finding::works(works) } else { Finding::fails(problems.join("\n")) };
    Ok(finding.with_notes(notes))
}

/// Whether there is a sample.
fn render(routes: &Routes, route: &MessageRoute, templates: &Templates) -> Result<bool, String> {
    let Some(body) = route_sample::read(routes, route)? else { return Ok(false) };
    let people = (&sample::full(), &sample::ada());
    route_sample::render(routes, route, &body, templates, people).map(|_| true)
}

/// A sentence for each route that is behind one that matches all that it matches.
fn shadowed(routes: &[MessageRoute]) -> impl Iterator<Item = String> + '_ {
    routes.iter().enumerate().filter_map(|(index, route)| {
        let first = routes[..index].iter().find(|other| other.pattern.contains(&route.pattern))?;
        Some(format!(
            "route {} never matches: the route {} above it has the pattern {}, which matches all that {} does; put {} above it",
            route.name, first.name, first.pattern, route.pattern, route.name
        ))
    })
}

/// A sentence for a route whose routing keys no queue gets, as far as the configuration tells.
fn unreached(route: &MessageRoute, broker: &BrokerConfig) -> Option<String> {
    let is_reached = |pattern: Pattern| pattern.overlaps(&route.pattern);
    let by_name = broker.queues().map(Pattern::exactly).any(is_reached);
    let by_binding = broker.bindings.iter().map(Pattern::of_binding).any(is_reached);
    if by_name || by_binding {
        return None;
    }
    let bindings: Vec<String> = broker.bindings.iter().map(Binding::to_string).collect();
    let bound =
        if bindings.is_empty() { "is not set".to_owned() } else { format!("has {}", bindings.join(", ")) };
    let exchange = broker.bindings.first().map_or("EXCHANGE", |binding| &binding.exchange);
    Some(format!(
        "route {} may never match: AMQP_BINDINGS {bound}, which brings no routing key that {} matches; add {exchange}:{}, unless \
         another program binds the queue, or publishers write _meta.routing_key",
        route.name, route.pattern, route.pattern
    ))
}

#[cfg(test)]
mod tests;
