//! fanmail and the other libraries.

use crate::peer::{Library, Mails, Peer};
use crate::rounds::{Run, Sender, faults, take_turns};
use crate::stage::{Section, Stage};
use crate::worker::{FanOut, Fanmail};
use testkit::bench::row::Row;
use testkit::scenario::EVENT;
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "peers",
    what: "What people use instead: lettre's pool, nodemailer's pool, aiosmtplib",
    how: "The programs of `benches/peers/` are written as the documentation of each library shows. They \
          compose and send the same mails to the same recipients into smtp-sink. They need no queue, no \
          database and no ledger. Their time is measured by themselves: from before they connect to the last \
          reply, without the start of Node.js and Python. They send 500, 2,000, 5,000 and 10,000 mails over 1, \
          4, 16 and 64 connections; fanmail sends 20,000 end to end, in the same rounds.",
    run,
};

/// Numbers of connections, and of mails: the slowest library needs about 20 s for them.
const SIZES: [(usize, usize); 4] = [(1, 500), (4, 2_000), (16, 5_000), (64, 10_000)];
const LIBRARIES: [Library; 3] = [Library::Lettre, Library::Nodemailer, Library::Aiosmtplib];
/// The number of connections with a ratio.
const COMPARED: usize = 16;

fn run(stage: &Stage) -> Vec<Row> {
    let fanmail = Fanmail::new(System::Sqlite, stage.options.size(20_000, 200));
    let mails = Mails::to(fanmail.scenario.ledger.people(EVENT));
    let mut rows = Vec::new();
    for (connections, count) in SIZES {
        let count = stage.options.size(count, 100);
        let fan_out = FanOut { fanmail: &fanmail, connections };
        let peers = LIBRARIES.map(|library| Peer { library, mails: &mails, count, connections });
        let mut senders: Vec<&dyn Sender> = vec![&fan_out];
        senders.extend(peers.iter().map(|peer| peer as &dyn Sender));
        stage.say(&format!("  {connections} connections"));
        let runs = take_turns(stage, stage.options.rounds(), &senders);
        rows.extend(rows_of(&runs, &senders, connections));
    }
    rows
}

fn rows_of(runs: &[Vec<Run>], senders: &[&dyn Sender], connections: usize) -> Vec<Row> {
    let at = if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
    let mut rows = Vec::new();
    for (index, (theirs, sender)) in runs.iter().zip(senders).enumerate() {
        let name = sender.name();
        let rates = theirs.iter().map(Run::rate).collect();
        let row = Row::new(format!("{name}, {at}"), "mails/s", rates).faults(faults(theirs));
        // The curve of fanmail is that of the first section.
        rows.push(if index == 0 { row } else { row.point(&name, connections) });
        if index > 0 && connections == COMPARED {
            let ratios =
                runs[0].iter().zip(theirs).map(|(fanmail, peer)| fanmail.rate() / peer.rate()).collect();
            let ratio = Row::new(format!("fanmail ÷ {name}, {at}"), "×", ratios);
            rows.push(ratio.faults(faults(runs[0].iter().chain(theirs))));
        }
    }
    rows
}
