//! Which signals there are for a process that sends mails or deletes, and which threads take them. What they do is left to
//! `shutdown`.

use std::io;

use nix::sys::signal::{SigSet, Signal};

/// The signals that ask for a stop. SIGPWR: the power fails, or the container is stopped. SIGXCPU: the limit of CPU time is
/// near, and SIGKILL follows.
const STOPS: &[Signal] = &[
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGXCPU,
    #[cfg(target_os = "linux")]
    Signal::SIGPWR,
];

/// The signals that would end the process and have no meaning for it. After SIGXFSZ the write fails, which its caller
/// handles. The default action of SIGPIPE is changed by Rust or by `main`.
const IGNORED: &[Signal] = &[
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXFSZ,
    Signal::SIGIO,
    #[cfg(target_os = "linux")]
    Signal::SIGSTKFLT,
];

/// The signals of a crash and of debuggers, and those of the terminal that stop and continue a process: every thread takes
/// them, and they do what they always do. With SIGPIPE, which has been set up before.
const LEFT_ALONE: &[Signal] = &[
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
    Signal::SIGPIPE,
];

/// All that the signal thread handles.
pub(super) fn handled() -> impl Iterator<Item = Signal> {
    STOPS.iter().chain(IGNORED).copied().chain([Signal::SIGHUP])
}

/// Whether this signal asks for a stop.
pub(super) fn stops(signal: i32) -> bool {
    STOPS.iter().any(|stop| *stop as i32 == signal)
}

/// Its name, such as `SIGTERM`.
pub(super) fn name_of(signal: i32) -> &'static str {
    Signal::try_from(signal).map_or("a signal", Signal::as_str)
}

/// From now on, this thread and those that it starts take no signal but those of a crash, and real-time signals do
/// nothing at all. A system call that a signal interrupts can fail (`EINTR`): on a connection to the relay that could look
/// like a lost connection, and a mail would be sent twice.
///
/// # Errors
/// Those of `pthread_sigmask(3)`.
pub(super) fn block_in_this_thread() -> io::Result<()> {
    let mut blocked = SigSet::all();
    for signal in LEFT_ALONE {
        blocked.remove(*signal);
    }
    Ok(blocked.thread_block()?)
}

/// From now on, this thread takes the signals that are handled.
///
/// # Errors
/// Those of `pthread_sigmask(3)`.
pub(super) fn unblock_in_this_thread() -> io::Result<()> {
    Ok(handled().collect::<SigSet>().thread_unblock()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_that_would_end_the_process_has_its_place() {
        // Those that do nothing by themselves, and those that cannot be caught.
        let harmless = [Signal::SIGCHLD, Signal::SIGURG, Signal::SIGWINCH, Signal::SIGKILL, Signal::SIGSTOP];
        for signal in Signal::iterator().filter(|signal| !harmless.contains(signal)) {
            let places = usize::from(handled().any(|handled| handled == signal))
                + usize::from(LEFT_ALONE.contains(&signal));
            assert_eq!(places, 1, "{signal}");
        }
    }

    #[test]
    fn signals_have_names_and_some_stop() {
        assert_eq!((name_of(15), name_of(1), name_of(64)), ("SIGTERM", "SIGHUP", "a signal"));
        assert!(stops(15) && stops(2) && stops(3) && !stops(1) && !stops(10));
    }
}
