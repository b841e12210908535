//! What stands in `deploy/`, held against the code and against the tools of those who read it, where these are installed.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use fanmail::config::Config;
use fanmail::exit_code::MISCONFIGURED;

const UNIT: &str = "deploy/systemd/fanmail.service";

/// The value of the last line of the unit that sets this.
fn setting(name: &str) -> String {
    let unit = fs::read_to_string(UNIT).unwrap();
    let prefix = format!("{name}=");
    unit.lines().rev().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
}

/// What a tool says, and whether it is content; `None` where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<(String, bool)> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((String::from_utf8_lossy(&said).into_owned(), output.status.success()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("NOT CHECKED: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// systemd reads the units without a complaint; for the test, the program is the one that is here.
#[test]
fn systemd_accepts_the_units() {
    let dir = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for unit in fs::read_dir("deploy/systemd").unwrap().map(|entry| entry.unwrap().path()) {
        let copy = dir.path().join(unit.file_name().unwrap());
        let text =
            fs::read_to_string(unit).unwrap().replace("/usr/bin/fanmail", env!("CARGO_BIN_EXE_fanmail"));
        fs::write(&copy, text).unwrap();
        units.push(copy.to_str().unwrap().to_owned());
    }
    units.retain(|unit| !unit.ends_with("fanmail-run"));
    let arguments: Vec<&str> =
        ["verify", "--man=no"].into_iter().chain(units.iter().map(String::as_str)).collect();
    if let Some((said, is_content)) = run("systemd-analyze", &arguments) {
        assert!(is_content && said.trim().is_empty(), "{said}");
    }
}

#[test]
fn the_units_allow_no_more_than_what_is_needed() {
    // In tenths: 2.0 of 10.
    for unit in [UNIT, "deploy/systemd/fanmail-purge.service"] {
        let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", unit];
        if let Some((said, is_content)) = run("systemd-analyze", &arguments) {
            assert!(is_content && said.contains("Overall exposure level"), "{said}");
        }
    }
}

#[test]
fn the_unit_has_the_times_and_codes_of_the_worker() {
    assert_is_longer_than_a_stop(&setting("TimeoutStopSec"));
    assert_eq!(setting("RestartPreventExitStatus"), MISCONFIGURED.to_string());
    assert_eq!((setting("Type"), setting("KillSignal")), ("notify".to_owned(), "SIGTERM".to_owned()));
}

fn assert_is_longer_than_a_stop(seconds: &str) {
    let shutdown_timeout = Config::from_lookup(&|_| None).unwrap().worker.shutdown_timeout.as_secs();
    let seconds: u64 = seconds.trim_end_matches('s').parse().unwrap();
    assert!(seconds > shutdown_timeout, "{seconds} s, and SHUTDOWN_TIMEOUT is {shutdown_timeout} s");
}

/// Otherwise removing the package would leave a timer that runs.
#[test]
fn the_package_stops_each_unit() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    for unit in fs::read_dir("deploy/systemd").unwrap().map(|entry| entry.unwrap().path()) {
        let name = unit.file_stem().unwrap().to_str().unwrap();
        let is_unit = unit.extension().is_some();
        assert!(!is_unit || manifest.contains(&format!("{{ unit-name = \"{name}\", ")), "{name}");
    }
}

/// The value behind the first `name:` of a file in YAML.
fn value<'a>(yaml: &'a str, name: &str) -> &'a str {
    let (_, rest) = yaml.split_once(&format!("{name}: ")).unwrap();
    rest.lines().next().unwrap().trim_matches('"')
}

#[test]
fn compose_and_kubernetes_give_the_worker_time_to_stop() {
    assert_is_longer_than_a_stop(value(&fs::read_to_string("compose.yaml").unwrap(), "stop_grace_period"));
    let kubernetes = fs::read_to_string("deploy/kubernetes/fanmail.yaml").unwrap();
    assert_is_longer_than_a_stop(value(&kubernetes, "terminationGracePeriodSeconds"));
}

/// Kubernetes sets `<SERVICE>_PORT` and others for each service: for one called `smtp` or `lavinmq` that would be a setting of fanmail.
#[test]
fn kubernetes_sets_no_variables_of_its_own() {
    let kubernetes = fs::read_to_string("deploy/kubernetes/fanmail.yaml").unwrap();
    assert_eq!(value(&kubernetes, "enableServiceLinks"), "false");
}

/// What fanmail says of a configuration; empty if it accepts it.
fn problems(settings: &BTreeMap<String, String>) -> String {
    for name in settings.keys() {
        assert!(Config::variables().contains(name), "{name} is no variable of fanmail");
    }
    Config::from_lookup(&|name| settings.get(name).cloned())
        .map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn fanmail_accepts_the_settings_of_compose() {
    let compose = fs::read_to_string("compose.yaml").unwrap();
    let (_, settings) = compose.split_once("environment: &settings\n").unwrap();
    let settings = settings.lines().take_while(|line| !line.is_empty());
    let settings = settings.map(|line| line.trim().split_once(": ").unwrap());
    let settings: BTreeMap<_, _> =
        settings.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    assert!(settings.len() > 5, "{settings:?}");
    // Some databases are a matter of how fanmail was built.
    let problems = problems(&settings);
    assert!(problems.is_empty() || !cfg!(feature = "postgres"), "{problems}");
}

/// With files in the place of the volume of secrets.
#[test]
fn fanmail_accepts_the_settings_of_kubernetes() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = fs::read_to_string("deploy/kubernetes/fanmail.yaml").unwrap();
    let (_, secrets) = yaml.split_once("stringData:\n").unwrap();
    for line in secrets.lines().take_while(|line| *line != "---").filter(|line| !line.contains('#')) {
        let (name, value) = line.trim().split_once(": ").unwrap();
        fs::write(dir.path().join(name), value).unwrap();
    }
    let mut settings = BTreeMap::new();
    for line in yaml.lines().filter_map(|line| line.trim().strip_prefix("- {name: ")) {
        let Some((name, value)) = line.trim_end_matches('}').split_once(", value: ") else { continue };
        let value = value.trim_matches('"').replace("/run/secrets/fanmail", dir.path().to_str().unwrap());
        settings.insert(name.to_owned(), value);
    }
    assert!(settings.len() > 8, "{settings:?}");
    let problems = problems(&settings);
    assert!(problems.is_empty() || !cfg!(feature = "postgres"), "{problems}");
}

/// `fanmail-run` gives a command what the unit and its drop-ins give the service.
#[test]
fn fanmail_run_runs_a_command_as_the_service_runs() {
    let (code, said) = fanmail_run(
        "EnvironmentFile=\nEnvironmentFile = /etc/fanmail/other.env\nLoadCredential=smtp_password:/etc/fanmail/smtp_password\n\
         Environment=SMTP_PASSWORD_FILE=%d/smtp_password \\\n  LOG_TEXT=100%%\n",
    );
    assert_eq!(code, Some(0), "{said}");
    let words: Vec<&str> = said.lines().collect();
    let unit = words.iter().find_map(|word| word.strip_prefix("--unit=")).unwrap();
    for property in [
        "EnvironmentFile=/etc/fanmail/other.env",
        "LoadCredential=smtp_password:/etc/fanmail/smtp_password",
        &format!("Environment=SMTP_PASSWORD_FILE=/run/credentials/{unit}/smtp_password LOG_TEXT=100%"),
        &format!("DynamicUser={}", setting("DynamicUser")),
        &format!("StateDirectory={}", setting("StateDirectory")),
        &format!("LogsDirectory={}", setting("LogsDirectory")),
        &format!("WorkingDirectory={}", setting("WorkingDirectory")),
        &format!("User={}", setting("User")),
        &format!("UMask={}", setting("UMask")),
    ] {
        assert!(words.windows(2).any(|pair| pair == ["-p", property]), "{property}: {said}");
    }
    assert!(!said.contains("EnvironmentFile=/etc/fanmail/fanmail.env"), "it was taken back: {said}");
    assert!(words.ends_with(&["/usr/bin/fanmail", "status", "--all"]) && words[0] == "--pipe", "{said}");
    let (code, refused) = fanmail_run("Environment=WEB=%H\n");
    assert_eq!(code, Some(2), "{refused}");
    assert!(refused.contains("cannot replace the specifier") && refused.contains("WEB=%H"), "{refused}");
}

/// The exit code of `fanmail-run status --all`, and what it gives systemd, or its error, with this in a drop-in of the service.
fn fanmail_run(drop_in: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let file = dir.path().join("override.conf");
    fs::write(&file, format!("[Service]\n{drop_in}")).unwrap();
    let unit = fs::canonicalize(UNIT).unwrap();
    program("systemctl", &format!("cat '{}' '{}'\n", unit.display(), file.display()));
    program("systemd-run", "printf '%s\\n' \"$@\"\n");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let command =
        Command::new("deploy/systemd/fanmail-run").args(["status", "--all"]).env("PATH", path).output();
    let output = command.unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}
