//! What `scripts/check` reports when instruction counts have changed.

#![expect(clippy::expect_used, reason = "a helper of a test fails like the test itself")]

use testkit::bench::baseline::Baseline;

fn made_with(compiler: &str, instructions: &[(&str, u64)]) -> Baseline {
    Baseline {
        made_with: compiler.to_owned(),
        instructions: instructions.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    }
}

/// Whether the comparison passes, and what it reports beside the counts, for this baseline and these counts of today.
fn verdict(baseline: &[(&str, u64)], counted: &[(&str, u64)]) -> (bool, String) {
    let (baseline, counted) = (made_with("rustc 1", baseline), made_with("rustc 1", counted));
    let comparison = baseline.compare(&counted);
    let report = comparison.to_string();
    (comparison.passes(), report.strip_prefix(&counted.to_string()).expect("all are shown first").to_owned())
}

#[test]
fn a_change_of_five_percent_passes() {
    for counted in [95_000, 100_000, 105_000] {
        assert_eq!(verdict(&[("mail", 100_000)], &[("mail", counted)]), (true, String::new()));
    }
}

#[test]
fn growth_fails_and_names_the_count_the_percentage_and_the_remedy() {
    let (passes, report) =
        verdict(&[("mail", 100_000), ("render", 500)], &[("mail", 106_000), ("render", 500)]);
    assert!(
        !passes && report.starts_with("mail: from 100000 to 106000 instructions, 6.0 % more"),
        "{report}"
    );
    assert!(report.contains("scripts/instructions --accept") && !report.contains("render"), "{report}");
}

#[test]
fn a_decrease_passes_and_asks_for_a_new_baseline() {
    let (passes, report) = verdict(&[("mail", 100_000)], &[("mail", 90_000)]);
    assert!(passes && report.starts_with("mail: from 100000 to 90000 instructions, 10.0 % less"), "{report}");
    assert!(report.contains("scripts/instructions --accept"), "{report}");
}

#[test]
fn a_renamed_count_fails() {
    let (passes, report) = verdict(&[("mail", 100)], &[("letter", 900)]);
    assert!(
        !passes && report.contains("letter: 900") && report.contains("mail: in the baseline"),
        "{report}"
    );
}

#[test]
fn counts_of_another_compiler_are_not_compared() {
    let (baseline, counted) =
        (made_with("rustc 1", &[("mail", 100)]), made_with("rustc 2", &[("mail", 900)]));
    let comparison = baseline.compare(&counted);
    assert!(comparison.passes());
    assert!(
        comparison.to_string().contains("Not compared: the baseline was made with rustc 1"),
        "{comparison}"
    );
}

#[test]
fn the_baseline_file_can_be_read_and_written() {
    let text = include_str!("../benches/baseline.json");
    let baseline = Baseline::from_json(text).unwrap();
    assert!(
        baseline.instructions.contains_key("mail")
            && baseline.instructions.contains_key("small notification")
    );
    assert_eq!(baseline.to_json(), text, "it is not as scripts/instructions --accept writes it");
}
