//! Several hosts of a broker: each is tried in turn, at the start and after a loss, and the one in use is named.

use testkit::broker::{Broker, PASSWORD, USER};
use testkit::database_proxy::DatabaseProxy;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

fn url(ports: &[u16]) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("amqp://{USER}:{PASSWORD}@{}/%2F", hosts.join(","))
}

#[test]
fn each_host_is_tried_at_the_start_and_after_a_loss() {
    let broker = Broker::shared();
    let (closed, proxy) = (free_port(), DatabaseProxy::passing(broker.port));
    let scenario =
        Scenario::with_relay("hosts", 3).env("AMQP_URL", &url(&[closed, proxy.port, broker.port])).build();
    let at_closed = format!("no broker answers at 127.0.0.1:{closed}");
    let at_proxy = format!("at 127.0.0.1:{}", proxy.port);
    let published = scenario.run_ok(&["publish", "--type", "UPDATED", "--event", &EVENT.to_string()]);
    assert!(published.contains(&at_proxy), "{published}");
    let checked = scenario.run_ok(&["check"]);
    assert!(checked.contains(&format!("another host cannot be used: {at_closed}")), "{checked}");
    assert!(checked.lines().any(|line| line.starts_with("broker") && line.contains(&at_proxy)), "{checked}");

    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    let log = worker.log();
    assert!(log.contains(&at_closed) && log.contains(&format!("{at_proxy}; taking messages from")), "{log}");
    proxy.cut_off();
    // The host in use is tried first: it shows that the broker, as far as a worker can see, was down.
    worker.wait_for_log(&format!("at 127.0.0.1:{}, reconnected at attempt 1 after", broker.port));
    assert!(worker.log().contains("s; the broker was down before; taking messages from"), "{}", worker.log());
    scenario.queue.publish_raw(b"poison", properties(Some("p-1")));
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (6, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn an_error_names_each_host() {
    let scenario = Scenario::with_relay("no-hosts", 1).build();
    let mut environment = scenario.environment.clone();
    let (first, second) = (free_port(), free_port());
    environment.insert("AMQP_URL".to_owned(), url(&[first, second]));
    for arguments in [&["check"][..], &["dead-letters", "list"]] {
        let ended = Process::start(scenario.dir.path(), &environment, arguments).wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = ended.out + &ended.err;
        let first = format!(
            "none of the 2 hosts of the broker can be used: (1) no broker answers at 127.0.0.1:{first}: "
        );
        assert!(said.contains(&first), "{said}");
        assert!(said.contains(&format!("; (2) no broker answers at 127.0.0.1:{second}: ")), "{said}");
        scenario.check_redacted(&said);
    }
}
