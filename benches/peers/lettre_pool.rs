//! lettre's blocking transport with its connection pool, shared by as many threads as connections: as its documentation
//! shows, and as most Rust programs send mails.
//!
//! `lettre_pool PORT CONNECTIONS MAILS.json` prints how many mails it has sent and in how many seconds by its own
//! clock.

use std::error::Error;
use std::time::Instant;
use std::{env, fs, thread};

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::{Message, SmtpTransport, Transport as _};
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Deserialize)]
struct Mails {
    from: String,
    subject: String,
    text: String,
    html: String,
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
struct Recipient {
    name: String,
    address: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, port, connections, file] = arguments.as_slice() else {
        return Err("expected: lettre_pool PORT CONNECTIONS MAILS.json".into());
    };
    let connections: u32 = connections.parse()?;
    let mails: Mails = serde_json::from_str(&fs::read_to_string(file)?)?;
    let share = mails.recipients.len().div_ceil(connections.try_into()?);

    let begin = Instant::now();
    let transport = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(port.parse()?)
        .pool_config(PoolConfig::new().max_size(connections))
        .build();
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (mails.recipients.chunks(share))
            .map(|recipients| scope.spawn(|| send(&transport, &mails, recipients)))
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread has panicked")?)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "sent": mails.recipients.len(), "seconds": seconds }));
    Ok(())
}

fn send(transport: &SmtpTransport, mails: &Mails, recipients: &[Recipient]) -> Result<()> {
    for Recipient { name, address } in recipients {
        let bodies = MultiPart::alternative_plain_html(
            mails.text.replace("{{name}}", name),
            mails.html.replace("{{name}}", name),
        );
        let message = Message::builder()
            .from(mails.from.parse()?)
            .to(Mailbox::new(Some(name.clone()), address.parse()?))
            .subject(mails.subject.clone())
            .multipart(bodies)?;
        transport.send(&message)?;
    }
    Ok(())
}
