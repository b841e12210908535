//! What is told about routes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::commands::check::sender::AskDns;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::text::screen::Screen;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/routes");

/// What is printed with these variables.
fn printed(variables: &[(&str, &str)]) -> String {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let config = Config::from_lookup(&|name| variables.get(name).map(|value| (*value).to_owned())).unwrap();
    let environment = Environment::load(Path::new("/nowhere/.env")).unwrap();
    let parts = Parts::new(&config, &environment, true, AskDns::Never);
    let finding = check(&parts).unwrap_or_else(Finding::fails);
    let mut out = Vec::new();
    finding.print("routes", Screen::PLAIN, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn of_example(bindings: &str) -> String {
    printed(&[
        ("ROUTES_FILE", &format!("{EXAMPLE}/routes.toml")),
        ("TEMPLATES_DIR", &format!("{EXAMPLE}/templates")),
        ("AMQP_BINDINGS", bindings),
    ])
}

#[test]
fn the_samples_of_the_example_render_and_its_routes_are_reached() {
    for bindings in ["events(topic):#", "events(topic):#.created,rooms(fanout)"] {
        let lines = of_example(bindings);
        let works = ": welcome, account, course-moved; 3 samples render\n";
        assert!(
            lines.starts_with("routes         ok       3 routes of ") && lines.ends_with(works),
            "{lines}"
        );
    }
    assert_eq!(printed(&[]), "routes         skipped  ROUTES_FILE is not set\n");
}

#[test]
fn a_route_that_no_binding_reaches_is_noted() {
    let lines = of_example("events:student.*");
    for told in [
        "note     route account may never match: AMQP_BINDINGS has events:student.*, which brings no routing key that auth.user.* \
         matches; add events:auth.user.*, unless",
        "note     route course-moved may never match: ",
    ] {
        assert!(told.contains("course-moved") || lines.contains(told), "{lines}");
    }
    // student.moved is one.
    assert!(!lines.contains("course-moved may") && !lines.contains("welcome may"), "{lines}");
    let lines = of_example("events:a.b");
    assert!(lines.contains("course-moved may never match") && lines.contains("welcome may never"), "{lines}");
}

#[test]
fn shadowed_routes_missing_samples_and_samples_that_do_not_fit_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("routes.toml");
    let routes = "[route.all]\nmatch = \"student.#\"\ntemplate = \"notice\"\nto = \"payload.email\"\n\
                  [route.one]\nmatch = \"student.created\"\ntemplate = \"notice\"\nto = \"payload.email\"\n";
    fs::write(&file, routes).unwrap();
    let told = || printed(&[("ROUTES_FILE", file.to_str().unwrap()), ("AMQP_BINDINGS", "events(topic):#")]);
    let lines = told();
    let shadowed = "FAILED   route one never matches: the route all above it has the pattern student.#, which matches all that \
                    student.created does; put one above it\n";
    assert!(lines.contains(shadowed), "{lines}");
    let sample = |name: &str| dir.path().join(format!("routes/{name}.sample.json"));
    let missing = format!(
        "route one has no sample, so its mail is not rendered; put the body of a message into {}\n",
        sample("one").display()
    );
    assert!(lines.contains(&missing), "{lines}");

    fs::create_dir(dir.path().join("routes")).unwrap();
    let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
    write(&sample("one"), r#"{"email": "a@example.com", "message": "Hello"}"#);
    write(&sample("all"), r#"{"message": "Hello"}"#);
    let lines = told();
    assert!(
        lines.contains("all.sample.json: the route \"all\" of routes.toml")
            && lines.contains("payload.email, which is missing"),
        "{lines}"
    );
}
