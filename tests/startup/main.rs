//! The start of the binary up to the point where a verb begins: `.env`, environment, configuration problems, log, exit
//! codes.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

mod setup_verbs;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// `fanmail` in `dir`, with an empty environment.
fn fanmail(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanmail"));
    command.args(args).current_dir(dir).env_clear();
    command
}

/// A folder with this `.env`.
fn folder_with_dotenv(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), text).unwrap();
    dir
}

/// Runs a command to its end. Returns the exit code and standard error.
fn ends(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn help_and_version_need_no_configuration() {
    let dir = folder_with_dotenv("this is no variable\n");
    for flag in ["--help", "--version", "help"] {
        assert_eq!(ends(&mut fanmail(dir.path(), &[flag])), (Some(0), String::new()));
    }
    let version = fanmail(dir.path(), &["--version"]).output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    assert!(version.starts_with("fanmail ") && version.contains(" (commit "), "{version}");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["sned"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("unrecognized subcommand 'sned'"), "{stderr}");
}

#[test]
fn problems_in_dotenv_and_environment_are_reported_together() {
    let dir = folder_with_dotenv("SMTP_PORT=mail\nPREFETCH=0\n");
    let (code, stderr) = ends(fanmail(dir.path(), &["status"]).env("PREFETCH", "many"));
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "fanmail: the configuration has 2 problems:\n  \
         SMTP_PORT is \"mail\"; expected a whole number from 1 to 65535\n  \
         PREFETCH is \"many\"; expected a whole number from 1 to 1000\n\
         .env.example explains every variable\n"
    );
}

#[test]
fn a_line_of_dotenv_that_cannot_be_read_is_a_warning_without_its_content() {
    let dir = folder_with_dotenv("# mine\nSMTP_PASSWORD \"MARKER\"\nmy-app=1\nDEBUG\nLOG_FILE=fanmail.log\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["publish", "--help"]));
    assert_eq!((code, stderr), (Some(0), String::new()));
    let (_, stderr) = ends(&mut fanmail(dir.path(), &["status"]));
    let log = fs::read_to_string(dir.path().join("fanmail.log")).unwrap();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("of .env")).collect();
    assert!(
        matches!(told[..], [line] if line.contains("WARN") && line.contains("line 2 of .env cannot be read")),
        "{log}"
    );
    assert!(!stderr.contains("MARKER") && !log.contains("MARKER"));
}

#[test]
fn a_line_that_cannot_be_read_is_told_before_the_problems_that_it_may_have_caused() {
    let dir = folder_with_dotenv("FROM_EMAIL: me@example.org\nEMAIL_DUMMY_MODE=False\nSMTP_HOST=h\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["status"]));
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "fanmail: line 1 of .env cannot be read and sets nothing; expected NAME=value, or NAME=\"value\" with the \
         quotes closed\n\
         fanmail: the configuration has a problem:\n  \
         FROM_EMAIL is not set; expected the sender's address of your mails\n\
         .env.example explains every variable\n"
    );
}

#[test]
fn a_misspelt_variable_is_told_before_the_problems_that_it_may_have_caused() {
    let dir = folder_with_dotenv("FROM_EMAIL=me@example.org\nEMAIL_DUMMY_MODE=False\nSMTP_HSOT=h\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["check"]));
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "fanmail: SMTP_HSOT is set, but fanmail has no such variable; did you mean SMTP_HOST?\n\
         fanmail: the configuration has a problem:\n  \
         SMTP_HOST is not set; expected the host of your relay, or EMAIL_DUMMY_MODE=True to send no mail\n\
         .env.example explains every variable\n"
    );
}

/// A worker in the wrong directory would make a new database, and take the messages of the real one.
#[test]
fn a_worker_without_a_database_ends_and_names_the_file_and_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notification_service.db");
    for verb in
        [&["worker"][..], &["retry", "--notification", "1"], &["purge", "--older-than", "90d"], &["status"]]
    {
        let (code, stderr) = ends(&mut fanmail(dir.path(), verb));
        assert_eq!(code, Some(2), "{verb:?}: {stderr}");
        let told = format!(
            "fanmail: database: could not open the database: DATABASE_URL is not set, and there is no {}; start fanmail in \
             the directory of your .env, or set DATABASE_URL; `fanmail migrate` makes this file\n",
            file.display()
        );
        assert!(stderr.ends_with(&told), "{verb:?}: {stderr}");
        assert!(!file.exists(), "{verb:?}");
        if verb == ["worker"] {
            let starts = format!(
                "starts; settings: the environment only (there is no .env in {}); database: SQLite file {}\n",
                dir.path().display(),
                file.display()
            );
            assert!(stderr.contains(&starts), "{stderr}");
        }
    }
    assert_eq!(ends(&mut fanmail(dir.path(), &["migrate"])).0, Some(0));
    assert_eq!(ends(&mut fanmail(dir.path(), &["status"])).0, Some(0));
}

/// A database that is named is made, with its tables.
#[test]
fn a_worker_makes_the_database_that_database_url_names() {
    let dir = folder_with_dotenv("DATABASE_URL=sqlite:///app.db\nAMQP_URL=amqp://127.0.0.1:1\n");
    let mut worker = fanmail(dir.path(), &["worker"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines().map(Result::unwrap);
    let starts = log.find(|line| line.contains(" starts; ")).unwrap();
    let told = format!(
        "settings: the environment and {}; database: SQLite file {}",
        dir.path().join(".env").display(),
        dir.path().join("app.db").display()
    );
    assert!(starts.ends_with(&told), "{starts}");
    // It tries to connect when the tables are there.
    log.find(|line| line.contains("broker")).unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(ends(&mut fanmail(dir.path(), &["status"])).0, Some(0));
}

#[test]
fn a_log_file_that_cannot_be_opened_is_reported_with_the_cause() {
    let dir = folder_with_dotenv("LOG_FILE=missing/fanmail.log\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["status"]));
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("fanmail: LOG_FILE missing/fanmail.log cannot be opened"), "{stderr}");
    assert!(stderr.ends_with("\n  caused by: No such file or directory (os error 2)\n"), "{stderr}");
}

#[test]
fn a_log_file_that_is_full_is_rotated_and_bad_values_are_refused() {
    let dir = folder_with_dotenv("SMTP_CONECTIONS=3\nLOG_FILE=fanmail.log\nLOG_ROTATE=1KB\n");
    let log = dir.path().join("fanmail.log");
    fs::write(&log, "x".repeat(1_000)).unwrap();
    ends(&mut fanmail(dir.path(), &["status"]));
    let mode = fs::metadata(&log).unwrap().permissions().mode() & 0o777;
    assert_eq!((fs::read_to_string(&log).unwrap().lines().count(), mode), (1, 0o600));
    let rotated = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let rotated: Vec<_> = rotated.filter(|path| path.to_str().unwrap().contains("fanmail.log.2")).collect();
    let [old] = &rotated[..] else { panic!("{rotated:?}") };
    assert_eq!(fs::read_to_string(old).unwrap(), "x".repeat(1_000));

    let dir = folder_with_dotenv("LOG_ROTATE=weekly\nLOG_KEEP=0\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["status"]));
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "fanmail: the configuration has 2 problems:\n  \
         LOG_ROTATE is \"weekly\"; expected off, daily, or a size with its unit from 1KB to 1000GB, such as 50MB\n  \
         LOG_KEEP is \"0\"; expected a whole number from 1 to 10000\n\
         .env.example explains every variable\n"
    );
}

#[test]
fn a_closed_stdout_causes_no_panic_and_the_log_goes_to_its_file() {
    let dir = folder_with_dotenv("SMTP_CONECTIONS=3\nLOG_FILE=fanmail.log\nLOG_FORMAT=json\n");
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = fanmail(dir.path(), &["preview", "--type", "UPDATED", "--output", "mail.html"]);
    assert_eq!(ends(command.stdout(Stdio::from(writer))), (Some(141), String::new()));
    let log = fs::read_to_string(dir.path().join("fanmail.log")).unwrap();
    assert!(log.starts_with("{\"ts\":\""), "{log}");
    assert!(log.contains("did you mean SMTP_CONNECTIONS?"), "{log}");
}

/// A misspelt variable and a line of `.env` that cannot be read stand in the list of `check`, and only there.
#[test]
fn check_prints_what_is_odd_about_the_variables_once_and_fails() {
    let dir = folder_with_dotenv("SMTP_CONECTIONS=3\nSMTP_PASSWORD \"MARKER\"\n");
    let output = fanmail(dir.path(), &["check"]).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let lines: Vec<&str> = stdout.lines().collect();
    let misspelt = "configuration  FAILED   SMTP_CONECTIONS is set, but fanmail has no such variable; \
                    did you mean SMTP_CONNECTIONS?";
    assert_eq!(lines[0], misspelt);
    assert!(lines[1].trim_start().starts_with("note     line 2 of .env cannot be read"), "{stdout}");
    assert!(!stdout.contains("MARKER") && stdout.matches("did you mean").count() == 1, "{stdout}");
}

/// A package makes them where nothing is configured.
/// logrotate may send SIGHUP to a worker that has just been started. It must not end it.
#[test]
fn sighup_during_the_start_does_not_end_a_worker() {
    for verb in [&["worker"][..], &["retry", "--notification", "1"]] {
        let dir = tempfile::tempdir().unwrap();
        let dotenv = dir.path().join(".env");
        // A pipe: the start waits until the test writes into it.
        assert!(Command::new("mkfifo").arg(&dotenv).status().unwrap().success());
        let mut process = fanmail(dir.path(), verb).stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = fs::OpenOptions::new().write(true).open(&dotenv).unwrap();
        kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
        writer.write_all(b"PREFETCH=many\n").unwrap();
        drop(writer);
        assert_eq!(process.wait().unwrap().code(), Some(2), "{verb:?}: it goes on, up to the wrong variable");
    }
}

/// Whoever collects JSON gets the reason of an end as JSON, too.
#[test]
fn what_ends_a_process_is_json_in_a_json_log() {
    let dir = folder_with_dotenv("LOG_FORMAT=json\nSMTP_HSOT=h\nSMTP_PORT=mail\n");
    let (code, stderr) = ends(&mut fanmail(dir.path(), &["worker"]));
    assert_eq!(code, Some(2));
    let lines: Vec<Value> = stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [hint, problem] = &lines[..] else { panic!("{stderr}") };
    assert_eq!((&hint["level"], &hint["exit_code"]), (&json!("WARN"), &Value::Null));
    assert_eq!((&problem["level"], &problem["target"]), (&json!("ERROR"), &json!("fanmail")));
    assert_eq!(problem["exit_code"], 2);
    let message = problem["message"].as_str().unwrap();
    assert!(message.starts_with("the configuration has a problem:\n  SMTP_PORT is \"mail\""), "{message}");
}

#[test]
fn a_log_file_says_why_its_worker_has_ended() {
    for (format, told) in
        [("text", "ERROR fanmail ends with exit code 2: database: "), ("json", r#""exit_code":2"#)]
    {
        let dir = folder_with_dotenv(&format!("LOG_FORMAT={format}\nLOG_FILE=fanmail.log\n"));
        let (code, stderr) = ends(&mut fanmail(dir.path(), &["worker"]));
        assert_eq!(code, Some(2));
        assert!(stderr.contains("DATABASE_URL is not set"), "{stderr}");
        assert_eq!(serde_json::from_str::<Value>(&stderr).is_ok(), format == "json", "{stderr}");
        let log = fs::read_to_string(dir.path().join("fanmail.log")).unwrap();
        let last = log.lines().last().unwrap();
        assert!(last.contains(told) && last.contains("DATABASE_URL is not set"), "{log}");
        // A person reads what other verbs say.
        ends(&mut fanmail(dir.path(), &["status"]));
        assert_eq!(fs::read_to_string(dir.path().join("fanmail.log")).unwrap(), log);
    }
}
