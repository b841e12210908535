//! The checks of `scripts/bench`: it counts the mails that arrive, and refuses a figure when one was lost or repeated.

use testkit::bench::faults::Faults;
use testkit::bench::report::{Part, Report};
use testkit::bench::row::{Figure, Goal, Row, Verdict};
use testkit::bench::sink::Sink;

/// The faults of a run with ten expected mails.
fn faults_of(arriving: usize) -> Faults {
    let sink = Sink::expecting(10);
    for _ in 0..arriving {
        assert!(sink.feed().unwrap());
    }
    Faults::by_count(10, sink.count())
}

fn report_of(row: Row) -> Report {
    let part = Part { name: "part", what: "A part", how: "Somehow.", rows: vec![row] };
    Report { quick: false, rounds: 3, machine: vec![("kernel", "Linux".to_owned())], parts: vec![part] }
}

#[test]
fn the_sink_counts_what_arrives() {
    assert_eq!(faults_of(10), Faults::default());
    assert_eq!(faults_of(8), Faults { lost: 2, twice: 0 });
    assert_eq!(faults_of(11), Faults { lost: 0, twice: 1 });
    assert_eq!(faults_of(0), Faults { lost: 10, twice: 0 });
    // The sink has ended early, so this is the minimum.
    let many = Sink::expecting(0);
    while many.feed().unwrap() {}
    assert!(many.count() >= 64);
}

#[test]
fn the_ledger_reveals_a_loss_that_a_repeated_mail_hides() {
    assert_eq!(Faults::by_ledger(10, 10, 10, 10), Faults::default());
    assert_eq!(Faults::by_ledger(10, 9, 10, 10), Faults { lost: 1, twice: 0 });
    assert_eq!(Faults::by_ledger(10, 10, 11, 10), Faults { lost: 0, twice: 1 });
    assert_eq!(Faults::by_ledger(10, 10, 10, 9), Faults { lost: 1, twice: 0 });
}

#[test]
fn a_figure_is_refused_when_a_mail_was_lost_or_sent_twice() {
    let row = Row::new("fanmail ÷ smtp-source", "×", vec![1.2, 1.4, 1.3]).goal(Goal::AtLeast(1.0));
    let sound = report_of(row.clone());
    assert!(sound.is_valid());
    assert!(
        sound.to_string().contains("| fanmail ÷ smtp-source | 1.30 × | 1.20 to 1.40 | ≥ 1.00 | met |"),
        "{sound}"
    );

    let mut faults = Faults { lost: 2, twice: 0 };
    faults += Faults { lost: 0, twice: 1 };
    let refused = report_of(row.faults(faults));
    assert!(!refused.is_valid());
    let text = refused.to_string();
    assert!(
        text.contains("| fanmail ÷ smtp-source | – |  | ≥ 1.00 | **refused: 2 lost, 1 twice** |"),
        "{text}"
    );
    // No text contains a figure that could be taken for a result.
    let json = refused.json();
    let row = &json["parts"][0]["rows"][0];
    assert_eq!((&row["verdict"], &row["lost"], &row["twice"]), (&"refused".into(), &2.into(), &1.into()));
    assert!(row["value"].is_null() && row["samples"].as_array().unwrap().is_empty(), "{row}");
    for sample in ["1.2", "1.3", "1.4"] {
        assert!(!text.contains(sample) && !json.to_string().contains(sample), "{text}");
    }
}

#[test]
fn a_row_is_judged_by_its_figure() {
    let samples: Vec<f64> = (1..=200).map(f64::from).collect();
    let verdict = |figure, goal| Row::new("row", "ms", samples.clone()).figure(figure).goal(goal).verdict();
    assert_eq!(verdict(Figure::Median, Goal::AtMost(100.5)), Verdict::Met);
    assert_eq!(verdict(Figure::Median, Goal::AtMost(100.4)), Verdict::Missed);
    assert_eq!(verdict(Figure::Median, Goal::AtLeast(100.6)), Verdict::Missed);
    assert_eq!(verdict(Figure::P99, Goal::Below(198.1)), Verdict::Met);
    assert_eq!(verdict(Figure::P99, Goal::Below(198.0)), Verdict::Missed);
    assert_eq!(Row::not_measured("row").goal(Goal::AtLeast(0.0)).verdict(), Verdict::NotMeasured);
    assert!(!report_of(Row::not_measured("row")).is_valid());
}
