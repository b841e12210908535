//! What is found in mails, and what is not.

use std::fs;

use super::*;
use crate::config::content::ContentConfig;

fn of_html(html: &str) -> Vec<(Severity, String)> {
    let mut findings = Findings::default();
    look_at_html(&format!("<html lang=en><body>{html}"), "x", &mut findings);
    findings.all.into_iter().map(|finding| (finding.severity, finding.problem)).collect()
}

#[test]
fn the_built_in_templates_hurt_nobody() {
    let found = lint(&Templates::load(&ContentConfig::default()).unwrap());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn images_and_links_are_looked_at() {
    for (html, severity, words) in [
        (
            "<img src='https://example.org/a.png'>",
            Severity::Error,
            "the image https://example.org/a.png has no alt",
        ),
        ("<IMG ALT='' SRC='http://example.org/a.png'/>", Severity::Error, "is not from https"),
        ("<img alt=x src=a.png>", Severity::Error, "is not from https"),
        ("<a href='http://example.org'>x</a>", Severity::Warning, "the link http://example.org is not https"),
        ("<a href='javascript:x()'>x</a>", Severity::Error, "does not open"),
    ] {
        let found = of_html(html);
        assert!(
            found.len() == 1 && found[0].0 == severity && found[0].1.contains(words),
            "{html}: {found:?}"
        );
    }
    assert_eq!(of_html("<img src='http://example.org/a.png'>").len(), 2);
    for html in [
        "<img src='https://example.org/a.png' alt=''><img alt=x src='cid:1'>",
        "<a href='https://example.org'>x</a><a href='mailto:a@example.org'>x</a><a href='tel:+49'>x</a><a name=x>x</a>",
    ] {
        assert_eq!(of_html(html), [], "{html}");
    }
}

#[test]
fn text_that_is_hard_to_read_is_found() {
    for html in [
        "<p style='color:#999'>grey",
        "<div style='background:#04724d'><p style='color:#000000'>dark</div>",
        "<td bgcolor=#ffffff><a style='COLOR: #ff8800 !important'>x</a>",
        "<p style='color:#888;font-size:23px'>almost large",
        "<div style='color:white'>white",
    ] {
        let found = of_html(html);
        assert!(found.len() == 1 && found[0].1.contains("contrast"), "{html}: {found:?}");
    }
    for html in [
        "<p style='color:#767676'>dark enough",
        "<p style='color:#888;font-size:24px'>large",
        "<p style='color:#888;font-size:19px'><b>large and bold",
        "<div style='background:#000'><a style='color:#fff'>x</a> <span style='color:inherit;background:#fff'>y</span></div>",
        "<div style='background:#000;color:#fff'>x</div>after",
        "<div style='display:none;color:#fff'>hidden</div>",
        "<div style='background:url(x.png);color:#fff'>unknown</div>",
        "<div style='color:rgba(0,0,0,.1)'>unknown</div>",
        "<p style='color:#fff'> </p><style>p { color: #fff }</style>",
    ] {
        assert_eq!(of_html(html), [], "{html}");
    }
}

#[test]
fn subjects_parts_sizes_and_files_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("created")).unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("created/subject.txt", &"long ".repeat(20));
    write("created/body.txt", " \n");
    write("created/body.html", &format!("<!doctype html><html><p>{}", "x".repeat(HTML_MAX)));
    write("footer.html", "");
    let found = lint(&Templates::load(&ContentConfig::with_templates(dir.path())).unwrap());
    let found: Vec<(&str, &str)> =
        found.iter().map(|finding| (finding.template.as_str(), &finding.problem[..24])).collect();
    assert_eq!(
        found,
        [
            ("", "TEMPLATES_DIR: footer.ht"),
            ("created/subject.txt", "the subject has 99 chara"),
            ("created/body.txt", "the text part is empty; "),
            ("created/body.html", "the HTML has 103 kB; Gma"),
            ("created/body.html", "<html> has no lang; scre"),
            ("created/body.txt", "shows no link that unsub"),
            ("created/body.html", "shows no link that unsub"),
        ]
    );
}

#[test]
fn templates_that_show_no_link_that_unsubscribes_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    for folder in ["updated", "cancelled", "created"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
        write(&format!("{folder}/body.html"), "<html lang=en><body>{{ event.title }}</body></html>");
    }
    write("created/body.html", "<html lang=en><a href='{{ unsubscribe_url }}'>x</a></html>");
    write("updated/body.txt", "{{ event.title }}");
    let found = lint(&Templates::load(&ContentConfig::with_templates(dir.path())).unwrap());
    let templates: Vec<&str> = found.iter().map(|finding| finding.template.as_str()).collect();
    assert_eq!(templates, ["updated/body.txt", "updated/body.html"], "{found:?}");
    assert!(
        found.iter().all(|finding| finding.severity == Severity::Warning
            && finding.problem.starts_with("shows no link that unsubscribes")),
        "{found:?}"
    );
}
