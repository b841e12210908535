//! The help: it fits a terminal, and every verb has an example.

use super::*;
use crate::text::screen::shown_width;

/// Every verb with the verbs below it.
fn verbs(command: &clap::Command) -> Vec<clap::Command> {
    let below = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    std::iter::once(command.clone()).chain(below.flat_map(verbs)).collect()
}

fn all() -> Vec<clap::Command> {
    let mut command = Cli::command();
    command.build();
    verbs(&command)
}

#[test]
fn help_is_no_wider_than_the_terminal() {
    for width in [60, 80, 120] {
        for verb in all() {
            let name = verb.get_display_name().unwrap_or_default().to_owned();
            let verb = verb.term_width(width);
            for help in [verb.clone().render_help(), verb.clone().render_long_help()] {
                // clap does not wrap the line of the usage.
                for line in help.to_string().lines().filter(|line| !line.starts_with("Usage: ")) {
                    assert!(shown_width(line) <= width, "{name} at {width}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_verb_has_an_example_that_its_help_shows_on_lines_of_their_own() {
    for verb in all() {
        let name = verb.get_bin_name().unwrap_or_default().to_owned();
        let example = format!("  {name}");
        let help = verb.clone().term_width(60).render_long_help().to_string();
        let shown = help.lines().any(|line| {
            line.starts_with(&example)
                || line.contains(&format!(" {name}"))
                || line.contains(&format!("| {name}"))
        });
        assert!(shown, "{name} has no example:\n{help}");
    }
}

/// A terminal of 80 columns shows each example on one line, which can be copied, and fanmail takes it.
#[test]
fn examples_can_be_copied() {
    for verb in all() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            assert!(shown_width(line) <= 80, "{line}");
            let Some((_, command)) = line.split_once("fanmail ").filter(|(before, _)| !before.contains('#'))
            else {
                continue;
            };
            let quoted = command.split('\'').enumerate();
            let words = quoted.flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            });
            let words = words.take_while(|word| !word.starts_with(['|', '<', '>']));
            let arguments = std::iter::once("fanmail").chain(words);
            if let Err(error) = Cli::command().try_get_matches_from(arguments) {
                panic!("{line}: {error}");
            }
        }
    }
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}
