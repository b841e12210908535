//! The second names of the broker's variables, `BROKER_…`.

use super::*;

/// Name, a value, and another one.
const SETTINGS: [(&str, &str, &str); 7] = [
    ("HOST", "127.0.0.1,localhost:1", "localhost"),
    ("PORT", "5673", "5674"),
    ("USE_TLS", "True", "False"),
    ("USERNAME", "alice", "bob"),
    ("PASSWORD", "MARKER-1", "MARKER-2"),
    ("VHOST", "team", "other"),
    ("QUEUE", "events", "others"),
];

/// What is read of a configuration that sets every setting under this beginning of its name.
fn read_all(prefix: &str) -> String {
    let lines: Vec<String> =
        SETTINGS.iter().map(|(name, value, _)| format!("{prefix}_{name}={value}\n")).collect();
    let broker = read(&lines.concat()).unwrap().broker;
    assert_eq!(broker.variables.host, format!("{prefix}_HOST"));
    assert_eq!(broker.variables.password, format!("{prefix}_PASSWORD"));
    let password = broker.password.expose();
    format!(
        "{} {} {} {} {password} {} {}",
        broker.hosts[0], broker.hosts[1], broker.tls, broker.username, broker.vhost, broker.queue
    )
}

#[test]
fn every_setting_of_the_broker_has_two_names() {
    assert_eq!(read_all("BROKER"), "127.0.0.1:5673 localhost:1 true alice MARKER-1 team events");
    assert_eq!(read_all("BROKER"), read_all("LAVINMQ"));
}

#[test]
fn both_names_may_be_set_to_the_same_value_only() {
    for (name, value, other) in SETTINGS {
        let set = |lavinmq: &str, broker: &str| format!("LAVINMQ_{name}={lavinmq}\nBROKER_{name}={broker}\n");
        assert!(read(&set(value, value)).is_ok(), "{name}");
        assert!(read(&set(value, "")).is_ok(), "{name}");
        let problem = problems(&set(value, other));
        assert_eq!(
            problem,
            format!(
                "BROKER_{name} and LAVINMQ_{name} are two names of one setting, but have different values; remove one"
            )
        );
    }
    assert!(read("LAVINMQ_USE_TLS=True\nBROKER_USE_TLS=yes\n").is_ok());
}

#[test]
fn a_password_comes_from_a_file_under_either_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (one, other) = (file("one", "MARKER-1\n"), file("other", "MARKER-2\n"));
    let broker = read(&format!("BROKER_PASSWORD_FILE={one}\n")).unwrap().broker;
    assert_eq!((broker.password.expose(), broker.variables.password), ("MARKER-1", "BROKER_PASSWORD_FILE"));
    assert!(read(&format!("BROKER_PASSWORD_FILE={one}\nLAVINMQ_PASSWORD=MARKER-1\n")).is_ok());
    let problem = problems(&format!("BROKER_PASSWORD_FILE={other}\nLAVINMQ_PASSWORD_FILE={one}\n"));
    assert!(problem.starts_with("BROKER_PASSWORD and LAVINMQ_PASSWORD are two names"), "{problem}");
    let problem = problems(&format!("BROKER_PASSWORD_FILE={other}\nBROKER_PASSWORD=MARKER-2\n"));
    assert_eq!(problem, "BROKER_PASSWORD is set, and BROKER_PASSWORD_FILE as well; keep one of them");
}

#[test]
fn one_remote_host_of_several_counts() {
    let problem = problems("BROKER_HOST=localhost,rabbitmq:5673\nBROKER_PASSWORD=x\n");
    assert!(problem.starts_with("BROKER_USE_TLS is not set, and the broker \"rabbitmq\""), "{problem}");
    let problem = problems("AMQP_URL=amqps://guest:guest@localhost,rabbitmq:5673\n");
    assert!(problem.starts_with("AMQP_URL uses the user guest") && problem.contains("rabbitmq"), "{problem}");
    for list in ["a,", "a,,b", ",", "a;b", "a b", "a,b:port", "a:1:2"] {
        let problem = problems(&format!("BROKER_HOST={list}\n"));
        assert!(
            problem.starts_with("BROKER_HOST is ") && problem.contains("several with commas"),
            "{problem}"
        );
    }
}

#[test]
fn problems_name_the_variable_that_is_set() {
    assert!(problems("BROKER_PORT=mail\n").starts_with("BROKER_PORT is \"mail\"; expected"));
    assert!(problems("BROKER_HOST=amqp://b\n").starts_with("BROKER_HOST is \"amqp://b\"; expected"));
    let problem = problems("BROKER_HOST=rabbitmq\nBROKER_PASSWORD=x\n");
    assert!(problem.starts_with("BROKER_USE_TLS is not set, and the broker"), "{problem}");
    let problem = problems("BROKER_HOST=rabbitmq\nBROKER_USE_TLS=True\n");
    assert!(problem.starts_with("BROKER_USERNAME is guest with the password guest"), "{problem}");
    let problem = problems("LAVINMQ_HOST=rabbitmq\nBROKER_USE_TLS=True\n");
    assert!(problem.starts_with("LAVINMQ_USERNAME is guest with the password guest"), "{problem}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    fs::write(&path, "amqps://guest:guest@rabbitmq").unwrap();
    let problem = problems(&format!("AMQP_URL_FILE={}\n", path.display()));
    assert!(problem.starts_with("AMQP_URL_FILE uses the user guest with the password guest"), "{problem}");
}

/// Kubernetes sets `BROKER_PORT` for every service that is called `broker`.
#[test]
fn a_broker_port_of_kubernetes_counts_as_not_set() {
    let broker = read("BROKER_PORT=tcp://10.0.0.1:5672\nBROKER_SERVICE_HOST=10.0.0.1\n").unwrap().broker;
    assert_eq!(broker.hosts[0].port, 5672);
    assert_eq!((broker.variables.port, broker.variables.host), ("LAVINMQ_PORT", "LAVINMQ_HOST"));
    assert!(
        read("BROKER_PORT=tcp://10.0.0.1:5672\nLAVINMQ_PORT=5673\n")
            .is_ok_and(|config| config.broker.hosts[0].port == 5673)
    );
    assert!(problems("LAVINMQ_PORT=tcp://10.0.0.1:5672\n").contains("was set by Kubernetes"));
}

#[test]
fn a_misspelt_second_name_gets_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    fs::write(&path, "BROKER_HOTS=x\nBROKER_VHOSTS=x\nBROKER_URL=x\n").unwrap();
    let hints = Environment::load(&path).unwrap().misspelt(&Config::variables());
    assert_eq!(
        hints,
        [
            "BROKER_HOTS is set, but fanmail has no such variable; did you mean BROKER_HOST?",
            "BROKER_VHOSTS is set, but fanmail has no such variable; did you mean BROKER_VHOST?"
        ]
    );
}
