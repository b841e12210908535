//! `fanmail status --watch`: draws what happens, again and again, until Ctrl-C. In a terminal it draws over what it drew before; elsewhere it
//! prints a line for each thing that has changed. What it shows is made in `report::live`, the output is left to `watch/output`.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::app::database;
use crate::broker::queue_state::{self, LIMIT};
use crate::commands::status::watch::output::Output;
use crate::config::Config;
use crate::domain::ids::EventId;
use crate::report::live::{LiveReader, LiveView};
use crate::report::queues;
use crate::shutdown::{self, Shutdown};
use crate::store::Store;
use crate::store::error::StoreError;

mod output;

/// The time between two looks at the database, unless a look takes long.
const INTERVAL: Duration = Duration::from_secs(1);

/// The database is looked at for at most a fifth of the time.
const PAUSES_PER_LOOK: u32 = 4;

/// The time between two questions to the broker, which take a connection each.
const BROKER_INTERVAL: Duration = Duration::from_secs(5);

/// What was found, with the lines about the queues, or why nothing.
type Look = Result<(LiveView, String), StoreError>;

/// Shows it until SIGINT or SIGTERM, with exit code 0, or until nothing reads it.
///
/// # Errors
/// When the database cannot be used, and waiting does not help.
pub(super) fn run(event: Option<EventId>, config: &Config) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown::on_interrupt().context("cannot catch signals")?;
    let (sender, looks) = bounded(0);
    let (config, until) = (config.clone(), shutdown.clone());
    // A database that does not answer must not hold up the end.
    thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || look_again_and_again(event, &config, &sender, &until))
        .context("cannot start a thread")?;
    let mut output = Output::new();
    let shown = show(&mut output, &looks, &shutdown);
    output.end();
    shown.map(|()| ExitCode::SUCCESS)
}

fn show(output: &mut Output, looks: &Receiver<Look>, shutdown: &Shutdown) -> anyhow::Result<()> {
    loop {
        let look = select! {
            recv(looks) -> look => look,
            recv(shutdown.receiver()) -> _ => return Ok(()),
        };
        // The thread has ended.
        let Ok(look) = look else { return Ok(()) };
        let written = match look {
            Ok((view, queues)) => output.show(&view, &queues),
            Err(error) if error.is_transient() => output.say_away(&error),
            Err(error) => return Err(error.into()),
        };
        if written.is_err() {
            // Nothing reads it any more.
            return Ok(());
        }
    }
}

/// Ends when nothing takes what it finds, or at a shutdown.
fn look_again_and_again(event: Option<EventId>, config: &Config, sender: &Sender<Look>, shutdown: &Shutdown) {
    let (mut store, mut reader): (Option<Store>, _) = (None, LiveReader::default());
    let (mut queues, mut asked_at): (String, Option<Instant>) = (String::new(), None);
    loop {
        let is_due = asked_at.is_none_or(|at| at.elapsed() >= BROKER_INTERVAL);
        let answer = is_due.then(|| queue_state::ask_in_background(&config.broker, LIMIT));
        let began = Instant::now();
        let look = read(&mut store, &mut reader, event, config);
        let pause = INTERVAL.max(began.elapsed() * PAUSES_PER_LOOK);
        if let Some(answer) = answer {
            queues = queues::to_text(&answer.wait());
            asked_at = Some(Instant::now());
        }
        if sender.send(look.map(|view| (view, queues.clone()))).is_err() || shutdown.wait(pause) {
            return;
        }
    }
}

fn read(
    store: &mut Option<Store>,
    reader: &mut LiveReader,
    event: Option<EventId>,
    config: &Config,
) -> Result<LiveView, StoreError> {
    let store = match store {
        Some(store) => store,
        None => store.insert(database::connect_existing(config)?),
    };
    reader.read(store, event, config.worker.silence_limit())
}
