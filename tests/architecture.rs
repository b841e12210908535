//! The directions of docs/architecture.md, held against the code: a file imports only from its own line or from a line
//! below it, and no files import each other in a circle.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test fails like the test itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// File (`worker/fan_out.rs`) → the files that it imports from. Tests do not count.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_follow_the_table_of_directions() {
    let layers = layers();
    let layer =
        |folder: &str| layers.iter().position(|line| line.iter().flatten().any(|name| name == folder));
    let may_import = |from: &str, to: &str| match (layer(from), layer(to)) {
        (Some(above), Some(below)) if above == below => layers[above]
            .iter()
            .any(|group| [from, to].iter().all(|name| group.iter().any(|other| other == name))),
        (Some(above), Some(below)) => above < below,
        _ => panic!("{from} or {to} is missing in the table of docs/architecture.md"),
    };
    let mut wrong = Vec::new();
    for (file, targets) in imports() {
        for target in targets {
            let (from, to) = (top(&file), top(&target));
            if from != to && !may_import(from, to) {
                wrong.push(format!("{file} imports {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut imports = imports();
    // What imports nothing that is left, and what nothing that is left imports, is in no circle.
    loop {
        let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
        let in_no_circle =
            |file: &String, targets: &BTreeSet<String>| targets.is_empty() || !imported.contains(file);
        let done: Vec<String> = imports
            .iter()
            .filter(|(file, targets)| in_no_circle(file, targets))
            .map(|(file, _)| file.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        imports.retain(|file, _| !done.contains(file));
        for targets in imports.values_mut() {
            targets.retain(|target| !done.contains(target));
        }
    }
    assert!(imports.is_empty(), "these files import each other in a circle:\n{imports:#?}");
}

#[test]
fn only_the_http_server_and_dns_are_async() {
    let mut sources = BTreeMap::new();
    read_sources(Path::new("src"), &mut sources);
    let words =
        ["tokio::", "hyper::", "hyper_util::", "axum::", "tower_http::", "async fn", "async move", "async {"];
    for (file, text) in sources.iter().filter(|(file, _)| !["http", "dns"].contains(&top(file))) {
        let found: Vec<_> = words.iter().filter(|word| text.contains(**word)).collect();
        assert!(found.is_empty(), "{file} has {found:?}");
    }
}

/// The lines of the table, top to bottom. Names separated by `,` may import each other, those separated by `|` not.
fn layers() -> Vec<Vec<Vec<String>>> {
    let text = fs::read_to_string("docs/architecture.md").unwrap();
    let table =
        text.split("<!-- directions -->").nth(1).expect("the table is marked with <!-- directions -->");
    let lines = table.lines().filter(|line| !line.starts_with("```") && !line.trim().is_empty());
    let names = |group: &str| group.split(',').map(|name| name.trim().to_owned()).collect();
    lines.map(|line| line.split('|').map(names).collect()).collect()
}

fn imports() -> Imports {
    let mut sources = BTreeMap::new();
    read_sources(Path::new("src"), &mut sources);
    let resolve = |path: &str| {
        // The longest beginning of the path that is a file.
        let names: Vec<&str> = path.split("::").collect();
        (1..=names.len())
            .rev()
            .map(|count| names[..count].join("/") + ".rs")
            .find(|file| sources.contains_key(file))
    };
    let targets = |file: &String, text: &String| {
        let paths = text.split("crate::").skip(1).flat_map(paths);
        paths.filter_map(|path| resolve(&path)).filter(|target| target != file).collect()
    };
    sources.iter().map(|(file, text)| (file.clone(), targets(file, text))).collect()
}

/// All `.rs` files below `folder`, without comments and tests.
fn read_sources(folder: &Path, sources: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix("src").unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.ends_with("tests") {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|end| end == "rs") && !name.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("mod tests {").next().unwrap_or_default();
            assert!(
                !code.contains("super::"),
                "{name}: write paths from `crate::`, so that this test sees them"
            );
            let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
            sources.insert(name, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The paths at the beginning of `text`, which stands behind `crate::`: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn paths(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
    let (stem, rest) = text.split_at(end);
    let Some(inner) = rest.strip_prefix('{') else { return vec![stem.to_owned()] };
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in inner.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().unwrap().push(c);
            }
        }
    }
    parts.iter().flat_map(|part| paths(part.trim())).map(|path| format!("{stem}{path}")).collect()
}

/// The first folder of a file, or its name.
fn top(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}
