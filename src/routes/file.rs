//! Reads the file of routes: TOML with a table for each route, `[route.NAME]`. All problems are told at once, each with its line.

use std::fs;
use std::path::Path;

use crate::domain::kind::Kind;
use crate::routes::error::{RouteProblem, RoutesError};
use crate::routes::field::FieldPath;
use crate::routes::pattern::Pattern;
use crate::routes::reader::{Entry, RouteProblems, in_order};
use crate::routes::text_template::TextTemplate;
use crate::routes::{MessageRoute, OnUnmatched, RouteAudience, Routes};

/// The key that says what is done with messages that no route matches.
const ON_UNMATCHED: &str = "on_unmatched";
/// The keys of the file.
const KEYS: [&str; 2] = [ON_UNMATCHED, "route"];
/// The keys of a route.
const ROUTE_KEYS: [&str; 7] = ["match", "template", "to", "user", "event", "name", "locale"];
/// Those that say who gets the mails.
const TARGETS: [&str; 3] = ["to", "user", "event"];
/// Longest name of a route and of a folder, in bytes.
const NAME_MAX: usize = 64;

impl Routes {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, RoutesError> {
        let text = fs::read_to_string(path).map_err(|error| {
            let sentence = format!("it cannot be read: {error}");
            RoutesError::new(path.to_owned(), vec![RouteProblem { line: None, sentence }])
        })?;
        Self::parse(path, &text)
    }

    /// The same for its text.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RoutesError> {
        let mut problems = RouteProblems::new(text);
        let table = problems.parse().unwrap_or_default();
        let mut routes =
            Self { all: Vec::new(), on_unmatched: OnUnmatched::default(), path: path.to_owned() };
        for entry in in_order(&table) {
            match entry.key {
                ON_UNMATCHED => routes.on_unmatched = on_unmatched(&mut problems, entry),
                "route" => routes.all = read_routes(&mut problems, entry),
                _ => problems.unknown("", entry, &KEYS),
            }
        }
        if !text.contains("[route") {
            problems.add_of_whole("it has no route; expected a table for each, such as [route.welcome]");
        }
        match problems.into_found() {
            none if none.is_empty() => Ok(routes),
            found => Err(RoutesError::new(path.to_owned(), found)),
        }
    }
}

fn on_unmatched<'a>(problems: &mut RouteProblems<'a>, entry: Entry<'a>) -> OnUnmatched {
    let Some(word) = problems.text("", entry) else { return OnUnmatched::default() };
    OnUnmatched::ALL.into_iter().find(|one| one.as_str() == word).unwrap_or_else(|| {
        let words = OnUnmatched::ALL.map(OnUnmatched::as_str).join(" or ");
        problems.add(entry.value_at, format!("on_unmatched is {word:?}; expected {words}"));
        OnUnmatched::default()
    })
}

fn read_routes<'a>(problems: &mut RouteProblems<'a>, entry: Entry<'a>) -> Vec<MessageRoute> {
    let Some(tables) = entry.value.as_table() else {
        problems.add(entry.at, "a route has a name: write [route.NAME] in front of each".to_owned());
        return Vec::new();
    };
    in_order(tables).into_iter().filter_map(|entry| read_route(problems, entry)).collect()
}

/// A key of a route with its text.
#[derive(Clone, Copy)]
struct Given<'a> {
    key: &'a str,
    at: usize,
    text: &'a str,
}

fn read_route<'a>(problems: &mut RouteProblems<'a>, entry: Entry<'a>) -> Option<MessageRoute> {
    let whose = format!("route {:?}: ", entry.key);
    let Some(table) = entry.value.as_table() else {
        problems.add(entry.at, format!("{whose}a route is a table; write [route.NAME], and its keys below"));
        return None;
    };
    if !is_name(entry.key) {
        problems.add(entry.at, format!("{whose}{}", wrong_name("the name of a route")));
    }
    let mut given = Vec::new();
    for key in in_order(table) {
        if key.key == ON_UNMATCHED {
            problems.add(
                key.at,
                format!("{whose}{ON_UNMATCHED} is for all routes; write it above the first [route.…]"),
            );
        } else if !ROUTE_KEYS.contains(&key.key) {
            problems.unknown(&whose, key, &ROUTE_KEYS);
        } else if let Some(text) = problems.text(&whose, key) {
            given.push(Given { key: key.key, at: key.value_at, text });
        }
    }
    let find = |key: &str| given.iter().copied().find(|one| one.key == key);
    let has = |key: &str| in_order(table).iter().any(|entry| entry.key == key);
    let mut read = RouteReader { problems, whose: &whose, at: entry.at };
    let pattern = read.pattern(find("match"), has("match"));
    let targets: Vec<Given<'_>> = given.iter().copied().filter(|one| TARGETS.contains(&one.key)).collect();
    let target = read.target(&targets, TARGETS.iter().any(|key| has(key)));
    let template = find("template").map_or_else(|| entry.key.to_owned(), |given| read.folder(given));
    read.check_built_in(&template, target.as_ref());
    let [recipient_name, locale] =
        ["name", "locale"].map(|key| read.text_template(find(key)?, target.as_ref()));
    let (pattern, target) = pattern.zip(target)?;
    Some(MessageRoute { name: entry.key.to_owned(), pattern, template, target, recipient_name, locale })
}

/// What the problems of one route begin with, and where it is.
struct RouteReader<'p, 'a> {
    problems: &'p mut RouteProblems<'a>,
    whose: &'p str,
    at: usize,
}

impl RouteReader<'_, '_> {
    fn add(&mut self, at: usize, sentence: &str) {
        self.problems.add(at, format!("{}{sentence}", self.whose));
    }

    fn pattern(&mut self, given: Option<Given<'_>>, is_there: bool) -> Option<Pattern> {
        let Some(given) = given else {
            if !is_there {
                self.add(
                    self.at,
                    "it has no match; add the routing key or a pattern: match = \"student.created\"",
                );
            }
            return None;
        };
        Pattern::parse(given.text)
            .map_err(|why| self.add(given.at, &format!("match is {:?}: {why}", given.text)))
            .ok()
    }

    fn target(&mut self, given: &[Given<'_>], is_there: bool) -> Option<RouteAudience> {
        let one = match given {
            [one] => one,
            [] => {
                if !is_there {
                    self.add(
                        self.at,
                        "it does not say who gets the mails; add one of to = \"payload.email\", user = \"payload.user_id\" \
                         and event = \"payload.event_id\"",
                    );
                }
                return None;
            }
            [_, second, ..] => {
                let keys: Vec<&str> = given.iter().map(|one| one.key).collect();
                self.add(second.at, &format!("it has {}; keep one of them", keys.join(" and ")));
                return None;
            }
        };
        let path =
            FieldPath::parse(one.text).map_err(|why| self.add(one.at, &format!("{} {why}", one.key))).ok()?;
        Some(match one.key {
            "event" => RouteAudience::Event(path),
            "user" => RouteAudience::Users(path),
            _ => RouteAudience::Addresses(path),
        })
    }

    fn folder(&mut self, given: Given<'_>) -> String {
        if !is_name(given.text) {
            self.add(
                given.at,
                &format!("template is {:?}: {}", given.text, wrong_name("a folder of TEMPLATES_DIR")),
            );
        }
        given.text.to_owned()
    }

    /// The built-in mails about events have nothing to say without one, and a notice is about none.
    fn check_built_in(&mut self, template: &str, target: Option<&RouteAudience>) {
        let (Some(kind), Some(target)) = (Kind::of_folder(template), target) else { return };
        let is_about_event = matches!(target, RouteAudience::Event(_));
        if kind == Kind::Notice && is_about_event {
            self.add(self.at, "the template notice is about no event; use to or user, or another template");
        } else if kind != Kind::Notice && !is_about_event {
            self.add(
                self.at,
                &format!("the template {template} is about an event; use event, or another template"),
            );
        }
    }

    fn text_template(&mut self, given: Given<'_>, target: Option<&RouteAudience>) -> Option<TextTemplate> {
        if let Some(RouteAudience::Event(_) | RouteAudience::Users(_)) = target {
            self.add(
                given.at,
                &format!(
                    "{} is only used with to: the database has those of users and participants",
                    given.key
                ),
            );
            return None;
        }
        TextTemplate::parse(given.text)
            .map_err(|why| self.add(given.at, &format!("{} {why}", given.key)))
            .ok()
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn wrong_name(what: &str) -> String {
    format!("{what} has letters from a to z, digits, - and _, at most {NAME_MAX}")
}

#[cfg(test)]
mod tests;
