//! Addresses that accept, refuse, or swallow every SYN.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use super::*;

/// Longer than each race of these tests, so that none of them hangs.
const LONG: Duration = Duration::from_secs(20);

/// An address that swallows SYNs: a listener that accepts nothing, and whose queue is full.
struct Swallowing {
    address: SocketAddr,
    _listener: OwnedFd,
    _queued: Vec<TcpStream>,
}

fn swallowing() -> Swallowing {
    let listener = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
    let mut queued = Vec::new();
    for _ in 0..64 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => queued.push(stream),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                return Swallowing { address, _listener: listener, _queued: queued };
            }
        }
    }
    panic!("the queue of the listener does not fill up");
}

fn accepting() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn refusing() -> SocketAddr {
    accepting().1
}

#[test]
fn a_dead_address_costs_a_head_start_and_no_timeout() {
    let (dead, (_listener, good)) = (swallowing(), accepting());
    let begun = Instant::now();
    let stream = race(&[dead.address, good], LONG).unwrap();
    let took = begun.elapsed();
    assert_eq!(stream.peer_addr().unwrap(), good);
    assert!((HEAD_START..LONG / 4).contains(&took), "{took:?}");
    // The connection blocks, as its callers expect.
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let begun = Instant::now();
    assert!(io::Read::read(&mut &stream, &mut [0]).is_err());
    assert!(begun.elapsed() >= Duration::from_millis(90), "{:?}", begun.elapsed());
}

#[test]
fn the_first_address_that_accepts_wins() {
    let ((_first, first), (_second, second)) = (accepting(), accepting());
    assert_eq!(race(&[first, second], LONG).unwrap().peer_addr().unwrap(), first);
}

#[test]
fn after_a_refusal_the_next_address_is_tried_at_once() {
    let (_listener, good) = accepting();
    let mut addresses: Vec<SocketAddr> = (0..20).map(|_| refusing()).collect();
    addresses.push(good);
    let begun = Instant::now();
    assert_eq!(race(&addresses, LONG).unwrap().peer_addr().unwrap(), good);
    assert!(begun.elapsed() < 10 * HEAD_START, "{:?}", begun.elapsed());
}

#[test]
fn when_no_address_accepts_the_error_says_why() {
    let kind = |addresses: &[SocketAddr], timeout| race(addresses, timeout).unwrap_err().kind();
    assert_eq!(kind(&[refusing(), refusing()], LONG), ErrorKind::ConnectionRefused);
    assert_eq!(kind(&[], LONG), ErrorKind::NotFound);
    let (one, two) = (swallowing(), swallowing());
    let begun = Instant::now();
    assert_eq!(kind(&[one.address, two.address], 3 * HEAD_START), ErrorKind::TimedOut);
    assert!(
        (3 * HEAD_START..LONG / 4).contains(&begun.elapsed()),
        "one timeout for all: {:?}",
        begun.elapsed()
    );
}

/// An address to which the kernel sends nothing: it says so before the attempt has begun.
fn unreachable() -> SocketAddr {
    let address = SocketAddr::from((Ipv4Addr::BROADCAST, 25));
    assert!(begin(address).is_err());
    address
}

#[test]
fn an_attempt_that_cannot_begin_costs_no_time() {
    let (_listener, good) = accepting();
    let begun = Instant::now();
    for addresses in [&[refusing(), unreachable()][..], &[unreachable(), unreachable()]] {
        assert!(race(addresses, LONG).is_err());
    }
    assert_eq!(race(&[unreachable(), unreachable(), good], LONG).unwrap().peer_addr().unwrap(), good);
    assert!(begun.elapsed() < LONG / 4, "{:?}", begun.elapsed());
}

#[test]
fn the_families_take_turns() {
    let parse = |text: &str| -> Vec<SocketAddr> {
        text.split_whitespace().map(|address| address.parse().unwrap()).collect()
    };
    for (resolved, tried) in [
        ("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 1.1.1.2:1", "[::1]:1 1.1.1.1:1 [::2]:1 1.1.1.2:1 [::3]:1"),
        ("1.1.1.1:1 [::1]:1 [::2]:1", "1.1.1.1:1 [::1]:1 [::2]:1"),
        ("1.1.1.1:1 1.1.1.2:1", "1.1.1.1:1 1.1.1.2:1"),
        ("", ""),
    ] {
        assert_eq!(alternate_families(parse(resolved)), parse(tried), "{resolved}");
    }
}

#[test]
fn an_address_out_of_reach_hides_a_refusal_and_a_family_without_a_network_does_not() {
    let reported = |kinds: [ErrorKind; 2]| {
        let [first, second] = kinds.map(io::Error::from);
        worse(Some(worse(None, first)), second).kind()
    };
    let (refused, out_of_reach, no_network) =
        (ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable);
    for (other, expected) in [(out_of_reach, out_of_reach), (no_network, refused), (refused, refused)] {
        assert_eq!(
            [reported([refused, other]), reported([other, refused])],
            [expected, expected],
            "{other:?}"
        );
    }
}
