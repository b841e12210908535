//! The page in a browser: on a telephone and without JavaScript, and judged by axe-core in each state and language.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use testkit::http::{get_from_worker, post_form, send};
use testkit::installed::installed;

use crate::accessibility::faults_in;
use crate::unsubscribe::{sent, started, with_links};

/// Pictures are left in the folder that the variable `UNSUBSCRIBE_PICTURES` names.
#[test]
fn a_person_with_a_telephone_stops_all_mails_and_takes_it_back() {
    let scenario = started(with_links("browser", 1).env("BRAND_NAME", "Berlin Events"));
    let (_worker, address, paths) = sent(&scenario);
    let path = paths.values().next().unwrap();
    let (dir, chosen) = (tempfile::tempdir().unwrap(), std::env::var_os("UNSUBSCRIBE_PICTURES"));
    let pictures = chosen.as_ref().map_or(dir.path(), std::path::Path::new);
    let output = Command::new(installed("bin/node"))
        .arg("tests/accessibility/unsubscribe.mjs")
        .arg(std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium-headless-shell".into()))
        .arg(format!("http://{address}{path}"))
        .arg(pictures)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let first = ["event stop: Stop", "kind stop: Stop", "all stop: Stop"];
    for (step, message, buttons) in [
        (&steps[0], Value::Null, &first[..]),
        (
            &steps[1],
            json!("Done. Mails that are already on their way may still arrive."),
            &["all resume: Undo", "cancellations stop: Stop"],
        ),
        (&steps[2], json!("Done. You get these mails again."), &first),
    ] {
        assert_eq!((&step["message"], &step["wrong"]), (&message, &json!([])), "{step}");
        assert_eq!(step["buttons"], json!(buttons), "{step}");
    }
    assert_eq!(scenario.ledger.count("suppressions"), 0);
}

#[test]
fn axe_finds_no_fault_in_any_state_or_language() {
    let scenario =
        started(with_links("axe", 4).env("BRAND_COLOR", "#b59000").env("BRAND_NAME", "Berlin Events"));
    scenario.ledger.execute(
        "UPDATE participants SET locale = 'de' WHERE id % 4 = 1; UPDATE participants SET locale = 'fr' WHERE id % 4 = 2;
         UPDATE participants SET locale = 'es' WHERE id % 4 = 3;",
    );
    let (worker, address, paths) = sent(&scenario);
    let dir = tempfile::tempdir().unwrap();
    let mut pages = vec![send(address, "GET /unsubscribe/x HTTP/1.1\r\nAccept-Language: de\r\n\r\n")];
    for path in paths.values() {
        pages.push(get_from_worker(&worker, path));
        pages.push(post_form(address, path, "choice=kind&do=stop"));
        pages.push(post_form(address, path, "choice=all&do=stop"));
        pages.push(post_form(address, path, "choice=all&do=resume"));
    }
    for (number, page) in pages.iter().enumerate() {
        let (_, html) = page.split_once("\r\n\r\n").unwrap();
        fs::write(dir.path().join(format!("{number}.html")), html).unwrap();
    }
    let languages = pages.iter().filter(|page| page.contains("<html lang=\"fr\"")).count();
    assert_eq!((pages.len(), languages), (17, 4));
    let faults = faults_in(dir.path(), pages.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
