//! A proxy that loses replies, and that lets every call through at last.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use testkit::database_proxy::DatabaseProxy;
use testkit::wait::wait_until;

/// A server that echoes what each connection sends first. Returns its port.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), [0; 64]);
            let size = stream.read(&mut buffer).unwrap();
            // The proxy may have closed the connection.
            drop(stream.write_all(&buffer[..size]));
        }
    });
    port
}

/// Whether a request on a connection of its own gets its reply.
fn is_answered(proxy: &DatabaseProxy, request: &[u8]) -> bool {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).unwrap();
    stream.write_all(request).unwrap();
    stream.read(&mut [0; 64]).is_ok_and(|size| size > 0)
}

#[test]
fn the_reply_to_one_of_some_commits_is_lost() {
    let proxy = DatabaseProxy::dropping_commit_replies(echo(), 3, Duration::MAX);
    let answered: Vec<bool> = (0..6).map(|_| is_answered(&proxy, b"COMMIT")).collect();
    assert_eq!(answered, [true, true, false, true, true, false]);
    assert!(is_answered(&proxy, b"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"));
    assert_eq!(proxy.lost(), 2);
}

/// Every second reply is lost, and between two tries of one call there is one other commit: the call meets every loss.
#[test]
fn a_call_that_meets_every_loss_gets_its_reply_at_last() {
    let proxy = DatabaseProxy::dropping_commit_replies(echo(), 2, Duration::from_millis(500));
    wait_until("the reply", || is_answered(&proxy, b"COMMIT") && is_answered(&proxy, b"COMMIT"));
    assert!(proxy.lost() > 0);
}
