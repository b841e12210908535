//! The worker as a service of Consul, against a stand-in for its agent: Debian has no Consul.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::consul::ConsulAgent;
use testkit::http::address_of;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

const TOKEN: &str = "MARKER-of-consul";

/// Without a broker: that is quicker, and changes nothing here.
fn scenario(name: &str, agent: &str) -> Scenario {
    Scenario::builder(name)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("CONSUL_HTTP_ADDR", agent)
        .env("CONSUL_HTTP_TOKEN", TOKEN)
        .env("CONSUL_SERVICE_TAGS", "eu,blue")
        .build()
}

fn worker(scenario: &Scenario) -> Process {
    scenario.start(&["worker", "--outbox-only"])
}

#[test]
fn is_registered_while_it_runs_also_after_the_agent_has_forgotten_it() {
    let agent = ConsulAgent::start(TOKEN);
    let scenario = scenario("consul", &agent.address.to_string());
    let worker = worker(&scenario);
    let is_passing = || matches!(&agent.services()[..], [service] if service["Check"]["Status"] == "passing");
    wait_until("the check to pass", is_passing);
    let service = agent.services().remove(0);
    let http = address_of(&worker);
    assert_eq!(
        (&service["Name"], &service["Tags"], &service["Address"], &service["Port"]),
        (&json!("fanmail"), &json!(["eu", "blue"]), &json!("127.0.0.1"), &json!(http.port()))
    );
    assert_eq!(service["Check"]["TTL"], "15s");
    assert_eq!(service["Check"]["Output"], "working; since the start: 0 mails sent");
    agent.forget();
    wait_until("it to be registered again", is_passing);
    assert_eq!(agent.registrations(), 2);
    // A stop while the cluster has no leader: the agent itself still knows the service.
    agent.has_no_leader(true);
    worker.wait_for_log("it answers 500 Internal Server Error");
    let ended = worker.stop();
    assert_eq!(agent.services(), [json!(null); 0], "it has taken itself out");
    assert!(!ended.err.contains("MARKER"), "{}", ended.err);
}

#[test]
fn an_agent_that_is_away_or_hangs_or_refuses_disturbs_nothing() {
    let away = scenario("consul-away", &format!("127.0.0.1:{}", free_port()));
    let running = worker(&away);
    running.wait_for_log("consul: the agent http://127.0.0.1:");
    running.wait_for_log("cannot be told of this worker");
    let stopped_at = Instant::now();
    running.stop();
    assert!(stopped_at.elapsed() < Duration::from_secs(3), "{:?}", stopped_at.elapsed());

    let agent = ConsulAgent::start("another token");
    let refused = scenario("consul-refused", &agent.address.to_string());
    let running = worker(&refused);
    running.wait_for_log("set CONSUL_HTTP_TOKEN to a token with service:write for \"fanmail\"");
    running.wait_for_log("token … has no right to service:write");
    assert!(!running.stop().err.contains("MARKER"));

    agent.hang();
    let hanging = scenario("consul-hangs", &agent.address.to_string());
    let running = worker(&hanging);
    running.wait_for_log("only from the outbox; there is no broker");
    let stopped_at = Instant::now();
    running.stop();
    assert!(stopped_at.elapsed() < Duration::from_secs(5), "{:?}", stopped_at.elapsed());
}
