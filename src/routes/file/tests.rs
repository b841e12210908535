//! What is wrong with a file of routes is told with its line.

use super::*;

fn parse(text: &str) -> Result<Routes, String> {
    Routes::parse(Path::new("routes.toml"), text).map_err(|error| error.to_string())
}

#[track_caller]
fn problem(text: &str, told: &str) {
    assert_eq!(parse(text).unwrap_err(), format!("ROUTES_FILE: routes.toml{told}"));
}

#[test]
fn routes_are_read_in_the_order_of_the_file() {
    let routes = parse(
        r#"
        on_unmatched = "ignore"

        [route.welcome]
        match = "student.created"
        to = "payload.email"
        name = "{{ payload.first_name }}"
        locale = "{{ meta.language | default(value='en') }}"

        [route.a]
        match = "auth.#"
        template = "notice"
        user = "payload.user_id"

        [route.moved]
        match = "*.moved"
        event = "payload.event_id"
        "#,
    )
    .unwrap();
    assert_eq!(routes.on_unmatched, OnUnmatched::Ignore);
    let names: Vec<_> = routes.all().iter().map(|route| (route.name.as_str(), route.kind())).collect();
    assert_eq!(names, [("welcome", Kind::Routed), ("a", Kind::Notice), ("moved", Kind::Routed)]);
    assert_eq!(routes.find("auth.user.created").map(|route| route.name.as_str()), Some("a"));
    assert!(routes.find("student.deleted").is_none());
    assert_eq!(routes.folders(), ["moved", "welcome"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let error = parse(
        r#"on_unmatched = "drop"
[route.a]
mach = "student.created"
[route.b]
match = "x.cre*"
to = "email"
event = ""
[route.c]
match = 7
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @r#"
    ROUTES_FILE: 9 problems
      routes.toml, line 1: on_unmatched is "drop"; expected dead-letter or ignore
      routes.toml, line 2: route "a": it has no match; add the routing key or a pattern: match = "student.created"
      routes.toml, line 2: route "a": it does not say who gets the mails; add one of to = "payload.email", user = "payload.user_id" and event = "payload.event_id"
      routes.toml, line 3: route "a": "mach" is no key of fanmail; did you mean match?
      routes.toml, line 5: route "b": match is "x.cre*": in a routing key, * stands for one word and # for any number of words between dots, and "cre*" is neither
      routes.toml, line 6: route "b": to is "email"; expected a field of the message such as "payload.email" or "meta.user_id"
      routes.toml, line 7: route "b": event is empty
      routes.toml, line 8: route "c": it does not say who gets the mails; add one of to = "payload.email", user = "payload.user_id" and event = "payload.event_id"
      routes.toml, line 9: route "c": match is integer; expected a text in quotes
    "#);
}

#[test]
fn each_problem_says_what_would_be_right() {
    let route = |keys: &str| format!("[route.welcome]\nmatch = \"a.b\"\n{keys}\n");
    problem("", ": it has no route; expected a table for each, such as [route.welcome]");
    problem("[[route]]\nmatch = \"a\"", ", line 1: a route has a name: write [route.NAME] in front of each");
    problem(
        "route.a = 1\n[route.b]\nmatch = \"a\"\nto = \"payload.x\"",
        ", line 1: route \"a\": a route is a table; write [route.NAME], and its keys below",
    );
    problem(
        "[route.\"a b\"]\nmatch = \"a\"\nto = \"payload.x\"",
        ", line 1: route \"a b\": the name of a route has letters from a to z, digits, - and _, at most 64",
    );
    problem(
        &route("to = \"payload.email\"\nuser = \"payload.id\""),
        ", line 4: route \"welcome\": it has to and user; keep one of them",
    );
    problem(
        &route("to = \"payload.email\"\ntemplate = \"../x\""),
        ", line 4: route \"welcome\": template is \"../x\": a folder of TEMPLATES_DIR has letters from a to z, digits, - and _, at \
         most 64",
    );
    problem(
        &route("to = \"payload.email\"\ntemplate = \"updated\""),
        ", line 1: route \"welcome\": the template updated is about an event; use event, or another template",
    );
    problem(
        &route("event = \"payload.id\"\ntemplate = \"notice\""),
        ", line 1: route \"welcome\": the template notice is about no event; use to or user, or another template",
    );
    problem(
        &route("user = \"payload.id\"\nname = \"Ada\""),
        ", line 4: route \"welcome\": name is only used with to: the database has those of users and participants",
    );
    problem(
        &route("to = \"payload.email\"\nname = \"{{ first_name }}\""),
        ", line 4: route \"welcome\": name is \"{{ first_name }}\": \"first_name\" is not known; expected fields such as {{ \
         payload.first_name }}",
    );
    problem(
        &route("to = \"payload.email\"\nretries = \"3\""),
        ", line 4: route \"welcome\": \"retries\" is no key of fanmail; expected one of match, template, to, user, event, name, locale",
    );
    problem(
        &route("to = \"payload.email\"\non_unmatched = \"ignore\""),
        ", line 4: route \"welcome\": on_unmatched is for all routes; write it above the first [route.…]",
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let error = parse("[route.a]\nmatch = a.b\nto = \"payload.x\"\nto = \"payload.y\"\n").unwrap_err();
    assert!(error.contains("routes.toml, line 2: it is no TOML: "), "{error}");
    assert!(error.contains("routes.toml, line 4: it is no TOML: "), "{error}");
    let missing = Routes::load(Path::new("/nowhere/routes.toml")).unwrap_err();
    assert!(
        missing.to_string().starts_with("ROUTES_FILE: /nowhere/routes.toml: it cannot be read: "),
        "{missing}"
    );
}
