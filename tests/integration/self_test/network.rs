//! A network that is cut, and a connection that is half open.

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::cleanup::ChildGuard;
use testkit::half_open_proxy::HalfOpenProxy;
use testkit::network::{Network, with_network};
use testkit::wait::{wait_for, wait_until};

#[test]
fn a_cut_link_loses_all_packets_and_resets_nothing() {
    const NAME: &str = "self_test::network::a_cut_link_loses_all_packets_and_resets_nothing";
    with_network(NAME, |network| {
        // On both links, the time of day ten times a second.
        let [cut, safe] = [network.cut_address(), network.safe_address()].map(|address| {
            let listener = TcpListener::bind((address.replace(".2", ".1"), 0)).unwrap();
            let clock = clock_in(network, &listener);
            let stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            (stream, clock)
        });
        let read = |mut stream: &TcpStream| stream.read(&mut [0; 1024]).map_err(|error| error.kind());
        let expect_silence = || wait_until("silence", || read(&cut.0) == Err(ErrorKind::WouldBlock));
        assert!(read(&cut.0).is_ok_and(|size| size > 0));
        network.cut();
        expect_silence();
        assert!(read(&safe.0).is_ok_and(|size| size > 0), "the other link still works");
        network.heal();
        wait_until("the connection to go on", || read(&cut.0).is_ok_and(|size| size > 0));
    });
}

/// A process behind the links that writes to the listener for ever.
fn clock_in(network: &Network, listener: &TcpListener) -> ChildGuard {
    let address = listener.local_addr().unwrap();
    let script =
        format!("exec 3<>/dev/tcp/{}/{}; while date >&3; do sleep 0.1; done", address.ip(), address.port());
    let wrapper = network.wrapper();
    let mut command = Command::new(&wrapper[0]);
    ChildGuard::spawn(command.args(&wrapper[1..]).args(["bash", "-c", &script]).stderr(Stdio::null()))
}

#[test]
fn a_half_open_connection_is_reset_on_one_side_only() {
    let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = HalfOpenProxy::start(broker.local_addr().unwrap().port());
    let mut worker = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).unwrap();
    let mut theirs = broker.accept().unwrap().0;
    assert_eq!(
        wait_for("the connection", Duration::from_secs(5), || Some(proxy.reset_workers()).filter(|n| *n > 0)),
        1
    );
    assert_eq!(worker.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    theirs.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(theirs.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "this side is open");
    proxy.close_half_open();
    assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0, "and now it is closed");
}
