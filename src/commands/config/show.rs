//! `fanmail config show`: a line for each variable, with its value and where that is from.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::commands::arguments::Format;
use crate::commands::config::overview::{Setting, Source, settings};
use crate::commands::output::{print_json, screen};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::config::problem::{ConfigErrors, Problem};
use crate::exit_code::HasExitCode as _;
use crate::text::clean::one_line;
use crate::text::screen::{Screen, Tone};
use crate::text::table::{Cell, Column, table};

const COLUMNS: [Column; 3] =
    [Column::text("variable"), Column::text("value").cut_to(16), Column::text("from").cut_to(7)];

/// Show every variable with its value in effect, and where that is from
///
/// Secrets are not shown, and URLs are shown without their passwords. Also shows a configuration that is wrong: what is
/// wrong is told below it, and the exit code is 2. Names that are misspelt are told as well.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail config show
  fanmail config show --changed
  fanmail config show --format json")]
pub struct ShowArgs {
    /// Only what is set to something else than its default
    #[arg(long)]
    pub changed: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints them. What is wrong goes to standard error, in JSON into the document.
///
/// # Errors
/// When `.env` cannot be read, or standard output cannot be written.
pub fn run(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let environment = Environment::load(Path::new(".env"))?;
    let config = Config::from_lookup(&|name| environment.get(name));
    let mut settings = settings(&environment, config.as_ref().ok());
    settings.retain(|setting| setting.is_changed || !args.changed);
    let hints = [environment.unreadable_lines(), &environment.misspelt(&Config::variables())].concat();
    let problems = config.as_ref().err();
    match args.format {
        Format::Table => {
            io::stdout().lock().write_all(to_table(&settings, screen()).as_bytes())?;
            eprintln!("from {}", environment.origin());
            for hint in &hints {
                eprintln!("{hint}");
            }
            if let Some(problems) = problems {
                eprintln!("{problems}");
            }
        }
        Format::Json => print_json(&to_json(&settings, &hints, problems, environment.origin()))?,
    }
    Ok(problems.map_or(ExitCode::SUCCESS, |problems| problems.exit_code().into()))
}

fn to_table(settings: &[Setting], screen: Screen) -> String {
    if settings.is_empty() {
        return "Every variable has its default.\n".to_owned();
    }
    let row = |setting: &Setting| {
        let tone = if setting.is_changed { Tone::Strong } else { Tone::Plain };
        let value = setting.value.as_deref().map_or_else(|| "-".to_owned(), one_line);
        vec![Cell::new(&setting.name, tone), Cell::new(value, tone), Cell::new(told(setting), Tone::Faint)]
    };
    table(&COLUMNS, &settings.iter().map(row).collect::<Vec<_>>(), screen)
}

fn told(setting: &Setting) -> String {
    match &setting.source {
        Source::Default if setting.value.is_none() => "not set".to_owned(),
        Source::Environment => "environment".to_owned(),
        Source::Dotenv(line) => format!(".env, line {line}"),
        Source::File(variable) => format!("file of {variable}"),
        Source::Variable(variable) => format!("{variable}, which wins"),
        Source::Default => "default".to_owned(),
    }
}

/// Scripts rely on these keys.
fn to_json(settings: &[Setting], hints: &[String], problems: Option<&ConfigErrors>, origin: &str) -> Value {
    let problems = problems.map_or(&[][..], ConfigErrors::problems);
    let setting = |setting: &Setting| {
        let (source, line) = match &setting.source {
            Source::Environment => ("environment", None),
            Source::Dotenv(line) => (".env", Some(*line)),
            Source::File(_) => ("file", None),
            Source::Variable(_) => ("variable", None),
            Source::Default => ("default", None),
        };
        let variable = match &setting.source {
            Source::File(variable) => Some(variable.as_str()),
            Source::Variable(variable) => Some(*variable),
            _ => None,
        };
        json!({
            "name": setting.name,
            "value": setting.value,
            "from": source,
            "line": line,
            "variable": variable,
            "changed": setting.is_changed,
            "secret": setting.is_secret,
        })
    };
    json!({
        "from": origin,
        "settings": settings.iter().map(setting).collect::<Vec<_>>(),
        "hints": hints,
        "problems": problems.iter().map(Problem::to_string).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: Option<&str>, source: Source, is_changed: bool) -> Setting {
        Setting {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            source,
            is_changed,
            is_secret: false,
        }
    }

    #[test]
    fn each_variable_has_a_line() {
        let settings = [
            setting(
                "DATABASE_URL",
                Some("postgresql://ada:***@db.example.org/fanmail"),
                Source::Environment,
                true,
            ),
            setting("LAVINMQ_HOST", None, Source::Variable("AMQP_URL"), false),
            setting("POSTAL_ADDRESS", Some("Berlin Events\n10115 Berlin"), Source::Dotenv(12), true),
            setting("PREFETCH", Some("16"), Source::Default, false),
            setting("SMTP_PASSWORD", Some("(secret)"), Source::File("SMTP_PASSWORD_FILE".to_owned()), true),
        ];
        insta::assert_snapshot!(to_table(&settings, Screen::PLAIN), @r"
        variable        value                                        from
        DATABASE_URL    postgresql://ada:***@db.example.org/fanmail  environment
        LAVINMQ_HOST    -                                            AMQP_URL, which wins
        POSTAL_ADDRESS  Berlin Events 10115 Berlin                   .env, line 12
        PREFETCH        16                                           default
        SMTP_PASSWORD   (secret)                                     file of SMTP_PASSWORD_FILE
        ");
        insta::assert_snapshot!(to_table(&settings, Screen { width: Some(60), ..Screen::PLAIN }), @r"
        variable        value             from
        DATABASE_URL    postgresql://ad…  environment
        LAVINMQ_HOST    -                 AMQP_URL, which wins
        POSTAL_ADDRESS  Berlin Events 1…  .env, line 12
        PREFETCH        16                default
        SMTP_PASSWORD   (secret)          file of SMTP_PASSWORD_FILE
        ");
        let json = to_json(&settings[2..3], &[], None, "the environment");
        assert_eq!(json["settings"][0]["line"], 12);
        assert_eq!(json["settings"][0]["value"], "Berlin Events\n10115 Berlin");
    }
}
