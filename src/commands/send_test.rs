//! `fanmail send-test`: sends one mail to one address, through the relay as a worker does, and changes nothing in the ledger.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::Utc;
use clap::Args;

use crate::app::channels;
use crate::channels::PreparedNotification;
use crate::channels::email::compose::Composer;
use crate::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use crate::channels::email::mail::Mail;
use crate::channels::email::outbox::Outbox;
use crate::channels::email::signing::Signing;
use crate::channels::email::smtp::single;
use crate::commands::arguments::kind_parser;
use crate::commands::mail_subject::SubjectArgs;
use crate::config::Config;
use crate::config::email::relay::Relay;
use crate::config::email::{EmailConfig, Route};
use crate::domain::address;
use crate::domain::address_hash::AddressKey;
use crate::domain::audience::Audience;
use crate::domain::ids::NotificationId;
use crate::domain::installation::Installation;
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::domain::priority::Priority;
use crate::exit_code::MISCONFIGURED;
use crate::text::clean::printable;

/// The long help.
const ABOUT: &str = "\
Send one mail to one address, through the relay

The mail is the one that a participant would get: of an event in the database, or a made-up one. It goes to --to and nowhere else, and no \
notification is begun: the ledger is unchanged, and no broker is needed. Prints what the relay said, the Message-ID, and what to look at in the \
mailbox. Each run sends a mail.

In dry-run mode (EMAIL_DUMMY_MODE=True) it is refused, or written to EMAIL_OUTBOX_DIR. EMAIL_REDIRECT_TO and EMAIL_ALLOW_DOMAINS hold here, too.";

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  fanmail send-test --to me@example.org
  fanmail send-test --to me@example.org --type CANCELLED --event 123
  fanmail send-test --to me@example.org --event 123 --participant 42";

/// Send one mail to one address, through the relay
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct SendTestArgs {
    /// Where the mail goes
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub to: String,
    /// Which mail.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = kind_parser(),
        ignore_case = true,
        hide_possible_values = true,
        default_value = "UPDATED",
        help = format!("Which mail: one of {}", Kind::words())
    )]
    pub kind: Kind,
    /// What it is about, and for whom.
    #[command(flatten)]
    pub subject: SubjectArgs,
}

fn parse_address(text: &str) -> Result<String, String> {
    address::parse(text).map(|address| address.to_string()).map_err(|error| error.to_string())
}

/// Sends the mail, and prints what the relay said and what to look at. In dry-run mode it becomes files, if there is a
/// directory for them.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &SendTestArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match &config.email.route {
        Route::Smtp(relay) => send(&compose(args, config)?, relay, &config.email, &mut out)?,
        Route::Dummy { outbox: Some(dir) } => {
            let mail = compose(args, config)?;
            Outbox::new(Some(dir.clone())).submit(&mail, &mut || true)?;
            let dir = dir.display();
            writeln!(out, "Dry-run mode: the mail {} is not sent, but written to {dir}.", mail.message_id)?;
        }
        Route::Dummy { outbox: None } => {
            eprintln!(
                "error: this is dry-run mode (EMAIL_DUMMY_MODE=True), and no mail is sent; set EMAIL_DUMMY_MODE=False \
                 and SMTP_HOST to send it, or EMAIL_OUTBOX_DIR to have it written to a file"
            );
            return Ok(ExitCode::from(MISCONFIGURED));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The mail that the participant would get, to the address that is named.
fn compose(args: &SendTestArgs, config: &Config) -> anyhow::Result<Mail> {
    let subject = args.subject.find(config)?;
    let participant = Participant { email: Some(args.to.clone()), ..subject.participant.clone() };
    // As if of another installation: else the calendar of a tester who is a participant would take the entry of this mail, whose
    // number is larger, for newer than those of all notifications.
    let tag = format!("{}test", subject.installation.tag);
    let links = config.email.unsubscribe.as_ref().map(UnsubscribeLinks::new);
    let installation = Installation { tag, ..subject.installation.clone() };
    let mut composer = Composer::new(&config.email, &installation).with_links(links);
    if let Err(reason) = composer.address_of(&participant) {
        bail!("{} is {reason}; add its domain there, or choose another address", args.to);
    }
    let templates = channels::templates(&config.content)?;
    // A number that no notification has, and another one for each test: mail systems drop a mail whose Message-ID they know.
    let id = NotificationId(Utc::now().timestamp_millis());
    let facts = subject.facts(args.kind);
    let notification = Notification {
        id,
        kind: args.kind,
        event_id: facts.event.as_ref().map(|event| event.id),
        audience: Audience::Given { count: 1 },
        priority: Priority::default(),
    };
    let notification = PreparedNotification::new(&notification, &facts, &templates)?;
    let hash = AddressKey::sample().hash(&args.to);
    let link = composer.unsubscribe_link(&notification.mail_headers, &participant, hash);
    let content = templates.render_with_link(&notification.context, &participant, link.as_deref())?;
    let date = Utc::now();
    let mut mail = composer.compose(&notification.mail_headers, &participant, &args.to, content, date)?;
    Signing::new(&config.email)?.sign(&mut mail, date)?;
    Ok(mail)
}

fn send(mail: &Mail, relay: &Relay, email: &EmailConfig, out: &mut dyn Write) -> anyhow::Result<()> {
    let server = format!("{}:{}", relay.host, relay.port);
    let accepted = single::submit(relay, mail).with_context(|| format!("{server} has not taken the mail"))?;
    if let Some(reach) = email.reach.describe() {
        writeln!(out, "Note: {reach}.\n")?;
    }
    let domain = email.from_email.rsplit_once('@').map_or("", |(_, domain)| domain);
    write!(
        out,
        "Sent to {}, from {}. The ledger is unchanged.\n\n\
         relay:       {server}: {}\n\
         reply:       {}\n\
         Message-ID:  {}\n\n\
         The relay has taken it. Whether it arrives, the mailbox shows:\n\
         - It is there within minutes, and not among spam. If not, search the relay's log for the Message-ID.\n\
         - Its source (\"Show original\") has spf=pass, dkim=pass and dmarc=pass for {domain}: docs/deliverability.md.\n\
         - It looks right on a telephone and in dark mode, and somebody reads what is answered to it.\n",
        mail.to,
        email.from_email,
        accepted.connection,
        printable(&accepted.reply),
        mail.message_id
    )?;
    Ok(())
}
