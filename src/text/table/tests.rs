//! Tables on terminals of several widths.

use super::*;

const COLUMNS: [Column; 5] = [
    Column::number("id"),
    Column::text("state"),
    Column::number("failed").if_any(),
    Column::text("reason").cut_to(8),
    Column::text("worker").if_any().goes(1),
];

fn rows() -> Vec<Vec<Cell>> {
    vec![
        vec![1.into(), "completed".into(), Cell::bad(0), "".into(), "".into()],
        vec![
            12.into(),
            Cell::new("running", Tone::Good),
            Cell::bad(2),
            "日本語 is no such user here".into(),
            "web-1:4711".into(),
        ],
    ]
}

fn on(width: usize) -> String {
    table(&COLUMNS, &rows(), Screen { width: Some(width), ..Screen::PLAIN })
}

#[test]
fn without_a_terminal_nothing_is_cut() {
    insta::assert_snapshot!(table(&COLUMNS, &rows(), Screen::PLAIN), @r"
    id  state      failed  reason                       worker
     1  completed       0
    12  running         2  日本語 is no such user here  web-1:4711
    ");
}

#[test]
fn a_table_is_no_wider_than_its_terminal() {
    insta::assert_snapshot!(on(60), @r"
    id  state      failed  reason                     worker
     1  completed       0
    12  running         2  日本語 is no such user h…  web-1:4711
    ");
    insta::assert_snapshot!(on(40), @r"
    id  state      failed  reason
     1  completed       0
    12  running         2  日本語 is no suc…
    (too narrow to show: worker)
    ");
    insta::assert_snapshot!(on(10), @r"
    id  state      failed  reason
     1  completed       0
    12  running         2  日本語…
    (too narrow to show: worker)
    ");
    for width in [32, 40, 50, 60, 61, 62, 63, 80] {
        let widest = on(width).lines().map(shown_width).max();
        assert!(widest <= Some(width), "{width}\n{}", on(width));
    }
}

#[test]
fn columns_without_anything_are_left_out() {
    let rows = [vec![1.into(), "completed".into(), Cell::bad(0), "".into(), "".into()]];
    insta::assert_snapshot!(table(&COLUMNS, &rows, Screen::PLAIN), @r"
    id  state      reason
     1  completed
    ");
}

#[test]
fn colours_take_no_width() {
    let colored = table(&COLUMNS, &rows(), Screen { width: None, has_colors: true });
    assert!(
        colored.contains("\u{1b}[32mrunning\u{1b}[0m         \u{1b}[1m\u{1b}[31m2\u{1b}[0m  日本語"),
        "{colored:?}"
    );
    assert!(!colored.contains("\u{1b}[31m0"), "{colored:?}");
}

#[test]
fn later_rows_use_the_layout_of_the_first() {
    let first = rows();
    let layout = Layout::of(&COLUMNS, &first, Screen { width: Some(60), ..Screen::PLAIN });
    let later =
        layout.line(&[123_456.into(), "running".into(), Cell::bad(1), "x".repeat(100).into(), "w".into()]);
    assert!(later.starts_with("123456  running") && later.contains("x…"), "{later}");
}
