//! Every sequence of losses and attempts in the table, and some that are not in it.

use std::io;

use super::*;

/// What happens to a broker thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begins,
    // How a session ends.
    Reset,
    Silence,
    Announced,
    AckTimeout,
    QueueDeleted,
    Unreadable,
    InternalError,
    // How an attempt fails.
    Refused,
    TimedOut,
    NoRoute,
    NoSuchHost,
    ClosedAtOnce,
    SaysNothing,
    HomeNodeDown,
    WrongPassword,
    NotCreated,
    // Time passes.
    Minutes(u64),
}

use Step::*;

fn unreachable(kind: ErrorKind) -> BrokerError {
    BrokerError::Unreachable {
        address: "localhost:5672".to_owned(),
        cause: kind.into(),
        variables: "LAVINMQ_HOST".to_owned(),
    }
}

fn not_amqp(cause: &str) -> BrokerError {
    BrokerError::NotAmqp {
        address: "localhost:5672".to_owned(),
        cause: cause.to_owned(),
        variables: "LAVINMQ_PORT".to_owned(),
    }
}

fn closed(code: u16) -> BrokerError {
    BrokerError::Closed { code, message: "a reason".to_owned() }
}

fn error(step: Step) -> BrokerError {
    match step {
        Reset => BrokerError::Reset("Connection reset by peer".to_owned()),
        Silence => BrokerError::Silent("nothing was heard from it for 20 s".to_owned()),
        Announced => closed(320),
        AckTimeout => BrokerError::AckTimeout { message: "delivery acknowledgement".to_owned() },
        QueueDeleted => BrokerError::Cancelled,
        Unreadable => BrokerError::Unreadable,
        InternalError => closed(541),
        Refused => unreachable(ErrorKind::ConnectionRefused),
        TimedOut => unreachable(ErrorKind::TimedOut),
        NoRoute => unreachable(ErrorKind::HostUnreachable),
        NoSuchHost => BrokerError::Unresolved {
            host: "broker".to_owned(),
            cause: io::ErrorKind::NotFound.into(),
            variable: "LAVINMQ_HOST",
        },
        ClosedAtOnce => not_amqp("it closes the connection at once"),
        SaysNothing => not_amqp("it says nothing, or is too busy to answer"),
        HomeNodeDown => closed(404),
        WrongPassword => BrokerError::Credentials {
            address: "localhost:5672".to_owned(),
            user: "guest".to_owned(),
            variables: "LAVINMQ_USERNAME".to_owned(),
        },
        NotCreated => BrokerError::NotCreated {
            queue: "q".to_owned(),
            message: "ACCESS_REFUSED".to_owned(),
            variable: "LAVINMQ_QUEUE",
        },
        Begins | Minutes(_) => panic!("{step:?} is no error"),
    }
}

/// For each session that begins, whether it follows a restart.
fn follow(steps: &[Step]) -> Vec<bool> {
    let mut evidence = RestartEvidence::default();
    let mut now = Instant::now();
    let mut follows = Vec::new();
    for step in steps {
        match step {
            Begins => follows.push(evidence.session_begins(0, now)),
            Minutes(minutes) => now += Duration::from_secs(60 * minutes),
            Reset | Silence | Announced | AckTimeout | QueueDeleted | Unreadable | InternalError => {
                evidence.session_lost(&error(*step));
            }
            _ => evidence.hosts_failed(&[HostFailure { host: 0, error: error(*step) }], true),
        }
    }
    follows
}

/// Whether a session that begins after these steps follows a restart, where a session was open before.
fn follows_restart(steps: &[Step]) -> bool {
    let all: Vec<_> = [Begins].into_iter().chain(steps.iter().copied()).chain([Begins]).collect();
    follow(&all)[1]
}

const LOSSES: [Step; 7] = [Reset, Silence, Announced, AckTimeout, QueueDeleted, Unreadable, InternalError];

#[test]
fn a_session_that_is_begun_again_at_once_follows_no_restart() {
    for loss in LOSSES {
        assert!(!follows_restart(&[loss]), "{loss:?}");
    }
}

#[test]
fn a_refused_attempt_is_a_restart_unless_the_broker_announced_its_end() {
    for loss in LOSSES {
        assert_eq!(follows_restart(&[loss, Refused]), loss != Announced, "{loss:?}");
        assert_eq!(follows_restart(&[loss, SaysNothing, Refused, TimedOut]), loss != Announced, "{loss:?}");
    }
}

#[test]
fn any_failed_attempt_after_a_reset_is_a_restart_unless_the_broker_answered() {
    for failure in [TimedOut, NoRoute, NoSuchHost, ClosedAtOnce, SaysNothing, HomeNodeDown] {
        for loss in LOSSES {
            assert_eq!(follows_restart(&[loss, failure]), loss == Reset, "{loss:?} {failure:?}");
        }
    }
    for answer in [WrongPassword, NotCreated] {
        for loss in LOSSES {
            assert!(!follows_restart(&[loss, answer]), "{loss:?} {answer:?}");
        }
    }
}

#[test]
fn a_worker_that_starts_while_the_broker_is_down_follows_a_restart() {
    assert_eq!(follow(&[Begins]), [false]);
    assert_eq!(follow(&[Refused, Refused, Begins]), [true]);
    for failure in [TimedOut, NoRoute, NoSuchHost, ClosedAtOnce, SaysNothing, WrongPassword] {
        assert_eq!(follow(&[failure, Begins]), [false], "{failure:?}");
    }
}

#[test]
fn the_evidence_of_one_session_is_not_used_for_another() {
    assert_eq!(follow(&[Begins, Reset, Begins, Silence, TimedOut, Begins]), [false, false, false]);
    assert_eq!(follow(&[Begins, Announced, Begins, Reset, Refused, Begins]), [false, false, true]);
}

/// Half the messages came again, then a proxy cut the connection: the others come in the next session.
#[test]
fn sessions_soon_after_the_first_one_follow_the_same_restart() {
    let steps = [Refused, Begins, Reset, Begins, Minutes(2), Announced, Begins, Minutes(1), Silence, Begins];
    assert_eq!(follow(&steps), [true, true, true, false]);
    let again = [Refused, Begins, Minutes(3), Reset, Refused, Begins, Minutes(2), Silence, Begins];
    assert_eq!(follow(&again), [true, true, true]);
}

/// For each session that begins, whether it follows a restart. An attempt names the hosts that fail before the host that works.
fn follow_hosts(first: usize, loss: Step, failures: &[(usize, Step)], all: bool) -> bool {
    let mut evidence = RestartEvidence::default();
    let now = Instant::now();
    assert!(!evidence.session_begins(first, now));
    evidence.session_lost(&error(loss));
    let failures: Vec<HostFailure> =
        failures.iter().map(|(host, step)| HostFailure { host: *host, error: error(*step) }).collect();
    evidence.hosts_failed(&failures, all);
    evidence.session_begins(first + 1, now)
}

#[test]
fn of_several_hosts_only_the_one_in_use_proves_a_restart() {
    for loss in [Reset, Silence] {
        assert!(follow_hosts(1, loss, &[(1, Refused)], false), "{loss:?}");
        assert!(follow_hosts(1, loss, &[(1, Refused), (2, TimedOut), (0, TimedOut)], true), "{loss:?}");
        assert!(!follow_hosts(1, loss, &[(2, Refused), (0, Refused)], false), "{loss:?}");
        assert!(!follow_hosts(1, loss, &[(1, WrongPassword), (2, Refused)], false), "{loss:?}");
    }
    assert!(!follow_hosts(1, Announced, &[(1, Refused)], false));
    let mut evidence = RestartEvidence::default();
    let now = Instant::now();
    assert!(!evidence.session_begins(0, now));
    evidence.session_lost(&error(Reset));
    evidence.host_failed(1, &error(HomeNodeDown));
    assert!(!evidence.session_begins(1, now), "the queue of the session was not asked for at its host");
}

#[test]
fn before_the_first_session_all_hosts_have_to_refuse() {
    let first = |failures: &[(usize, Step)], all: bool| {
        let mut evidence = RestartEvidence::default();
        let failures: Vec<HostFailure> =
            failures.iter().map(|(host, step)| HostFailure { host: *host, error: error(*step) }).collect();
        evidence.hosts_failed(&failures, all);
        evidence.session_begins(0, Instant::now())
    };
    assert!(first(&[(0, Refused), (1, Refused)], true));
    assert!(!first(&[(0, Refused), (1, TimedOut)], true), "the second one may run");
    assert!(!first(&[(0, Refused)], false), "the second one runs");
}
