//! Files that are wrong: what is told about them, and that nothing of them is imported.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use super::*;

/// What is told about a file for participants of the events 1 and 7. Nothing may be imported.
fn refused(content: impl AsRef<[u8]>) -> String {
    let desk = Desk::with_events();
    let told = desk.import("p.csv", content, &[]).unwrap_err();
    assert_eq!((desk.people(7), desk.people(1)), (Vec::new(), Vec::new()), "{told}");
    told
}

#[test]
fn each_bad_line_is_told_with_its_number_and_all_reasons() {
    let content = "event_id,id,email,name\n\
        7,1,ok@example.com,Ok\n\n\
        7,2,no address,\"Two\nlines\"\n\
        8,3,c@example.com,C\n\
        7,1,d@example.com,D\n\
        7,9223372036854775808,e@example.com,E\n\
        x,,f@example.com,F\n\
        7,8,g@example.com,G,extra\n\
        7,9,h@example.com,a\0b\n\
        7,10\n";
    insta::assert_snapshot!(refused(content), @r"
    p.csv, line 4: email: the address has spaces
    p.csv, line 6: event 8 is not in the database; import the events first
    p.csv, line 7: id 1 is on an earlier line, too
    p.csv, line 8: id 9223372036854775808 is out of range (-9223372036854775808 to 9223372036854775807)
    p.csv, line 9: id is empty; event_id is not a whole number: x
    p.csv, line 10: value 5 has no header (put quotes around a value that has the separator in it)
    p.csv, line 11: name has a NUL character
    nothing was imported because of 7 bad lines; correct the file, or import the other lines with --skip-bad-lines
    ");
    let desk = Desk::with_events();
    let told = desk.import("p.csv", content, &["--skip-bad-lines"]).unwrap();
    assert!(
        told.contains(
            "imported p.csv: 2 participants: 2 new, 0 changed, 0 as they were; 7 bad lines left out\n"
        ),
        "{told}"
    );
    assert_eq!(desk.people(7), [person(1, "ok@example.com", "Ok"), person(10, "", "")]);
}

#[test]
fn bad_events_are_told() {
    let content = "id,title,starts_at,ends_at,timezone\n\
        1,,2026-11-21 18:00,,\n\
        2,Ball,21.11.2026,,Europe/Berlin\n\
        3,Ball,2026-11-21 18:00,2026-11-21 17:00,\n\
        4,Ball,2026-11-21,,Middle-earth/Shire\n\
        5,Ball,2026-11-21 18:00Z,2026-11-21T19:00:00.5+00:00,GMT+2\n";
    let desk = Desk::new();
    insta::assert_snapshot!(desk.import("e.csv", content, &[]).unwrap_err(), @r"
    e.csv, line 2: title is empty
    e.csv, line 3: starts_at is not a time: 21.11.2026; expected, for example, 2026-11-21 18:00
    e.csv, line 4: ends_at is before starts_at
    e.csv, line 5: timezone is not one that fanmail knows: Middle-earth/Shire; expected, for example, Europe/Berlin; starts_at has no time of day: 2026-11-21; expected, for example, 2026-11-21 18:00
    nothing was imported because of 4 bad lines; correct the file, or import the other lines with --skip-bad-lines
    ");
}

#[test]
fn latin_1_is_refused_by_line_with_the_cure() {
    insta::assert_snapshot!(refused(b"event_id;email;name\n7;a@example.com;Ann\n7;j@example.com;J\xfcrgen\n"), @r#"
    p.csv, line 3: name is not UTF-8 (save the file as "CSV UTF-8")
    nothing was imported because of 1 bad line; correct the file, or import the other lines with --skip-bad-lines
    "#);
}

#[test]
fn without_keys_an_address_is_needed_and_comes_once() {
    insta::assert_snapshot!(refused("event_id,email\n7,a@example.com\n1,a@example.com\n7,a@EXAMPLE.com\n7,\n"), @r"
    p.csv, line 4: the address is on an earlier line of this event, too; give such participants a column id
    p.csv, line 5: email is empty; without a column id, the address tells the participants of an event apart
    nothing was imported because of 2 bad lines; correct the file, or import the other lines with --skip-bad-lines
    ");
}

#[test]
fn only_the_first_bad_lines_are_told_and_all_are_counted() {
    let content = "event_id,email\n".to_owned() + &"7,nothing\n".repeat(1500);
    let told = refused(content);
    assert_eq!(told.lines().count(), 22, "{told}");
    assert!(told.contains("p.csv, line 21: ") && told.contains("p.csv: 1480 more bad lines"), "{told}");
    assert!(told.contains("nothing was imported because of 1500 bad lines"), "{told}");
}

#[test]
fn a_quote_that_is_never_closed_is_told() {
    let told =
        refused("event_id,email,name\n7,a@example.com,\"Ann\"\n7,b@example.com,\"Bob\n7,c@example.com,Cid\n");
    assert!(told.contains("line 3: a quote (\") is opened and never closed"), "{told}");
    let rest = "7,c@example.com,Cid\n".repeat(60_000);
    let told = refused(format!("event_id,email,name\n7,a@example.com,A\n7,b@example.com,\"Bob\n{rest}"));
    assert!(told.contains("line 3 or below: a quote") && told.contains("longer than 1 MiB"), "{told}");
    let desk = Desk::with_events();
    desk.import(
        "p.csv",
        "event_id,email,name\n7,a@example.com,5\" disk\n7,b@example.com,\"a \"\"b\"\"\"",
        &[],
    )
    .unwrap();
    assert_eq!(desk.people(7)[0].2, "5\" disk", "a quote within a value begins nothing");
}

#[test]
fn files_without_lines_are_told() {
    for content in [&b""[..], b"\xef\xbb\xbf", b"\r\n\r\n", b" \n"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused(content), @"cannot import p.csv: it is empty; expected a header line, and a line for each row");
        }
    }
    let desk = Desk::with_events();
    let told = desk.import("p.csv", "event_id,email", &[]).unwrap();
    assert_eq!(told, "imported p.csv: 0 participants: 0 new, 0 changed, 0 as they were\n");
}

#[test]
fn headers_are_told_before_lines() {
    let told = refused("event_id,emial\n7,\n");
    assert!(told.starts_with("cannot import p.csv: the headers do not fit the table participants: \"emial\" is unknown (did you mean email?"), "{told}");
    let told = refused("event_id;phone|email\n7;\n");
    assert!(told.contains("\"phone|email\" is unknown"), "{told}");
    let desk = Desk::with_events();
    let told = desk
        .import("p.csv", "event_id;phone;email\n7;x;a@example.com\n", &["--ignore-unknown-columns"])
        .unwrap();
    assert!(told.contains("1 new"), "{told}");
}

#[test]
fn a_workbook_is_told() {
    let told = refused(b"PK\x03\x04\x14\0\x06\0");
    assert!(told.contains("it is a workbook") && told.contains("save the table as \"CSV UTF-8\""), "{told}");
}

#[test]
fn views_are_refused() {
    let desk = Desk::new();
    refuse_views(&desk.store, &[Table::Events, Table::Participants]).unwrap();
    SqliteConnection::establish(desk.dir.path().join("test.db").to_str().unwrap())
        .unwrap()
        .batch_execute("DROP TABLE participants; CREATE VIEW participants AS SELECT 1 AS id, 7 AS event_id")
        .unwrap();
    refuse_views(&desk.store, &[Table::Events]).unwrap();
    let error = refuse_views(&desk.store, &[Table::Participants]).unwrap_err().to_string();
    assert!(error.starts_with("`participants` is a view over tables of your own"), "{error}");
}
