//! The verbs that need no configuration, or take one that is wrong.

use std::fs;
use std::process::Command;

use crate::{ends, fanmail, folder_with_dotenv};

#[test]
fn completions_and_man_pages_need_no_configuration_and_are_well_formed() {
    let dir = folder_with_dotenv("PREFETCH=many\n");
    let output = fanmail(dir.path(), &["completions", "bash"]).output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
    fs::write(dir.path().join("fanmail.bash"), &output.stdout).unwrap();
    let complete = "source ./fanmail.bash; COMP_WORDS=(fanmail dead-letters l); COMP_CWORD=2; _fanmail fanmail l dead-letters; \
                    echo \"${COMPREPLY[@]}\"";
    let completed = Command::new("bash").args(["-c", complete]).current_dir(dir.path()).output().unwrap();
    assert_eq!(String::from_utf8(completed.stdout).unwrap(), "list\n", "{:?}", completed.stderr);

    assert_eq!(ends(&mut fanmail(dir.path(), &["man", "--out", "man1"])), (Some(0), String::new()));
    let pages: Vec<_> =
        fs::read_dir(dir.path().join("man1")).unwrap().map(|page| page.unwrap().path()).collect();
    assert!(pages.iter().any(|page| page.ends_with("fanmail-config-show.1")), "{pages:?}");
    let mut groff = Command::new("groff");
    let warnings = groff.args(["-man", "-ww", "-z", "-Tutf8"]).args(&pages).output().unwrap();
    assert_eq!(String::from_utf8(warnings.stderr).unwrap(), "");
}

/// It is needed most when the configuration is wrong.
#[test]
fn config_show_shows_a_configuration_that_is_wrong_without_its_secrets() {
    let dir = folder_with_dotenv(
        "SMTP_CONECTIONS=3\nPREFETCH=many\nSMTP_PASSWORD=MARKER\nAMQP_URL=amqp://a:MARKER@h\n",
    );
    for format in ["table", "json"] {
        let output =
            fanmail(dir.path(), &["config", "show", "--changed", "--format", format]).output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(2), "{out}{err}");
        let all = format!("{out}{err}");
        for told in ["did you mean SMTP_CONNECTIONS?", "PREFETCH is ", "amqp://a:***@h"] {
            assert!(all.contains(told), "{told} is missing: {all}");
        }
        assert!(!all.contains("MARKER") && !all.contains("BATCH_SIZE"), "{all}");
    }
}
