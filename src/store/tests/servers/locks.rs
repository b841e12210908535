//! Transactions that wait for each other.

use std::sync::mpsc::{RecvTimeoutError, channel};

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;

use super::*;
use crate::domain::session::{AckWriting, BrokerSession};
use crate::store::ledger::sessions::{self, EndOfSession};
use crate::store::tests::consumer::mark_lost;

pub fn a_deadlock_is_repeated_without_an_error(server: Server) {
    let store = migrated(server);
    let ids = [open(&store).id, open(&store).id];
    let both_hold_one = std::sync::Barrier::new(2);
    let tries = std::sync::atomic::AtomicU32::new(0);
    let add_one = |connection: &mut AnyConnection, id: NotificationId| {
        connection.batch_execute(&format!("UPDATE notifications SET epoch = epoch + 1 WHERE id = {id}"))
    };
    std::thread::scope(|scope| {
        for [first, second] in [ids, [ids[1], ids[0]]] {
            let (store, both_hold_one, tries) = (&store, &both_hold_one, &tries);
            scope.spawn(move || {
                let mut again = false;
                store
                    .write("lock crosswise", |connection| {
                        tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        add_one(connection, first)?;
                        if !std::mem::replace(&mut again, true) {
                            both_hold_one.wait();
                        }
                        add_one(connection, second)
                    })
                    .unwrap();
            });
        }
    });
    assert!(tries.into_inner() > 2, "else this proves nothing");
    let epochs = store.write("read", |connection| dispatch::lock_notifications(connection, &ids)).unwrap();
    assert_eq!(epochs, ids.map(|id| lease(id, 3)));
}

/// What `second` returns, which waits while a transaction is open that has done `first`, and then does `last`.
fn waits<T: Send>(
    store: &Store,
    first: impl Fn(&mut AnyConnection),
    last: &str,
    second: impl FnOnce() -> T + Send,
) -> T {
    let (progress, seen) = channel();
    std::thread::scope(|scope| {
        let mut second = Some(second);
        let waiting = store.write("hold up another transaction", |connection| {
            first(connection);
            let (progress, second) = (progress.clone(), second.take().unwrap());
            let waiting = scope.spawn(move || {
                progress.send("begun").unwrap();
                let result = second();
                progress.send("done").unwrap();
                result
            });
            assert_eq!(seen.recv().unwrap(), "begun");
            // It could only be too early, never too late.
            assert_eq!(seen.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout));
            connection.batch_execute(last)?;
            Ok(waiting)
        });
        waiting.unwrap().join().unwrap()
    })
}

pub fn a_locked_notification_waits(server: Server) {
    let store = migrated(server);
    let id = open(&store).id;
    let lock = |connection: &mut AnyConnection| dispatch::lock_notifications(connection, &[id]);
    let first = |connection: &mut AnyConnection| drop(lock(connection).unwrap());
    let last = "UPDATE notifications SET epoch = epoch + 1";
    let epochs = waits(&store, first, last, || store.write("lock", lock).unwrap());
    assert_eq!(epochs, [lease(id, 2)], "it sees what was committed meanwhile");
}

pub fn a_session_ends_after_what_it_opens(server: Server) {
    let store = migrated(server);
    for number in 1..=3 {
        let session = BrokerSession {
            worker: "me".to_owned(),
            number,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        };
        store.begin_session(&session, None).unwrap();
        let opens = |connection: &mut AnyConnection| assert!(sessions::lock(connection, &session).unwrap().1);
        let last = "UPDATE broker_sessions SET caught_up_at = seen_at";
        waits(&store, opens, last, || match number {
            1 => mark_lost(&store, &session.name()),
            2 => store.end_session(&session, EndOfSession::Lost { alive_at: None }, &[]).unwrap(),
            _ => store.begin_session(&BrokerSession { number: 4, ..session.clone() }, None).unwrap(),
        });
        let locked = store.write("look", |connection| sessions::lock(connection, &session));
        assert!(!locked.unwrap().1, "{number}");
    }
}

pub fn two_workers_take_different_rows_of_the_outbox(server: Server) {
    let store = migrated(server);
    let rows: Vec<String> = (1..=3000).map(|id| format!("({id}, '{{}}')")).collect();
    execute(&store, &format!("INSERT INTO outbox (id, body) VALUES {}", rows.join(", ")));
    execute(&store, "UPDATE outbox SET taken_at = CURRENT_TIMESTAMP WHERE id <= 2000");
    let before = "2000-01-01T00:00:00".parse().unwrap();
    let take = |connection: &mut AnyConnection| -> QueryResult<Vec<i64>> {
        let rows = dispatch::lock_waiting_of_outbox(connection, before, 3)?;
        Ok(rows.iter().map(|row| row.id).collect())
    };
    let both = store
        .write("take rows", |connection| Ok((take(connection)?, store.write("take others", take).unwrap())));
    assert_eq!(both.unwrap(), (vec![2001, 2002, 2003], vec![2004, 2005, 2006]));
}
