//! Who is told what by an UPDATED: those who were told something of the event before what has changed since, and others what the event is.
//! Those for whom nothing has changed are skipped. What counts as a change is left to `content::changes`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::channels::PreparedNotification;
use crate::content::changes::changed_fields;
use crate::content::error::TemplateError;
use crate::content::renderer::Templates;
use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::Verdict;
use crate::store::ledger::snapshots::EarlierNotification;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::recipient::{OwnMail, Recipient};

/// How many lists of earlier notifications are looked through for people whose keys are text: each of them is read as a whole.
const LISTS: usize = 5;

/// What people were told of the event before a notification, and what its mails tell them therefore.
#[derive(Debug)]
pub(super) struct Previous {
    notification: Notification,
    facts: NotificationFacts,
    /// The mail that tells what the event is.
    whole: PreparedNotification,
    /// Whether people get nothing for whom nothing has changed.
    skips: bool,
    /// The last notification of which somebody has got a mail.
    newest: NotificationId,
    audience: Audience,
    /// Those before it, once somebody did not get that one.
    older: Option<Vec<NotificationId>>,
    /// What people get, by the last notification of which they have got a mail.
    mails: HashMap<NotificationId, Mail>,
    /// What people get who were told nothing.
    first: Option<OwnMail>,
}

/// What somebody gets.
#[derive(Debug, Clone)]
enum Mail {
    /// Nothing.
    Skipped,
    /// What the event is.
    Whole,
    /// Something else.
    Own(OwnMail),
}

/// What people were told before a notification that tells these `facts`, and whose mail is `whole`. `None`: everyone gets that.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub(super) fn find(
    context: &Context,
    notification: &Notification,
    facts: &NotificationFacts,
    whole: &PreparedNotification,
) -> Result<Option<Previous>, Stopped> {
    if notification.kind != Kind::Updated || facts.event.is_none() {
        return Ok(None);
    }
    let newest = context.database_retry.until_ok(|| context.store.find_earlier(notification))?;
    let Some(newest) = newest else { return Ok(None) };
    let mut previous = Previous {
        notification: *notification,
        facts: facts.clone(),
        whole: whole.clone(),
        skips: context.skip_unchanged && !says_something(context, facts),
        newest: newest.id,
        audience: newest.audience,
        older: None,
        mails: HashMap::new(),
        first: None,
    };
    previous.add(newest);
    Ok(Some(previous))
}

/// Whether the message of a notification says something that its mails show.
fn says_something(context: &Context, facts: &NotificationFacts) -> bool {
    let details = &facts.details;
    let shows_metadata = || context.templates.show_metadata(facts.kind);
    details.note.is_some() || details.reason.is_some() || (!details.metadata.is_empty() && shows_metadata())
}

impl Previous {
    /// Gives each recipient of a page their mail, or skips them. One query for a page, and more if somebody of it did not get the last
    /// mail.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers, or templates are gone.
    pub(super) fn apply(&mut self, page: &mut Page, context: &Context) -> Result<(), Halt> {
        if page.recipients.is_empty() {
            return Ok(());
        }
        let last = self.find_last(&page.recipients, context)?;
        for mut recipient in std::mem::take(&mut page.recipients) {
            let id = recipient.participant.id;
            match self.mail(last.get(&id).copied(), context)? {
                Mail::Skipped => {
                    let verdict = Verdict::skipped(Verdict::NOTHING_CHANGED);
                    page.decided.push(Decided { participant_id: id, tries: recipient.deferrals, verdict });
                    continue;
                }
                Mail::Whole => {}
                Mail::Own(own) => recipient.own_mail = Some(own),
            }
            page.recipients.push(recipient);
        }
        Ok(())
    }

    /// What somebody gets who has got a mail of this notification last.
    fn mail(&mut self, last: Option<NotificationId>, context: &Context) -> Result<Mail, Halt> {
        let Some(last) = last else { return Ok(Mail::Own(self.first(&context.templates)?)) };
        if let Some(mail) = self.mails.get(&last) {
            return Ok(mail.clone());
        }
        let find = || context.store.find_earlier_by_id(&self.notification, last);
        match context.database_retry.until_ok(find)? {
            Some(earlier) => Ok(self.add(earlier)),
            None => Ok(Mail::Whole),
        }
    }

    /// What those get who have got a mail of this notification last.
    fn add(&mut self, earlier: EarlierNotification) -> Mail {
        let EarlierNotification { id, kind, snapshot, .. } = earlier;
        let mail = match (snapshot, &self.facts.event) {
            (Some(snapshot), Some(event)) if !changed_fields(&snapshot, event).is_empty() => {
                Mail::Own(OwnMail(Arc::new(self.whole.since(snapshot))))
            }
            // After a cancellation it says that the event takes place after all.
            (Some(_), _) if self.skips && kind != Kind::Cancelled => Mail::Skipped,
            _ => Mail::Whole,
        };
        self.mails.insert(id, mail.clone());
        mail
    }

    /// The same as of CREATED.
    fn first(&mut self, templates: &Templates) -> Result<OwnMail, TemplateError> {
        if let Some(first) = &self.first {
            return Ok(first.clone());
        }
        let facts = NotificationFacts { kind: Kind::Created, ..self.facts.clone() };
        let prepared = PreparedNotification::new(&self.notification, &facts, templates)?;
        Ok(self.first.insert(OwnMail(Arc::new(prepared))).clone())
    }

    /// The last notification of which each of them has got a mail; nothing of those who have got none.
    fn find_last(
        &mut self,
        recipients: &[Recipient],
        context: &Context,
    ) -> Result<HashMap<ParticipantId, NotificationId>, Stopped> {
        match (self.notification.audience, self.audience) {
            (Audience::Event { .. }, Audience::Event { up_to, .. }) => {
                // Whoever joined behind the largest key is not looked for.
                let ids = recipients.iter().map(|recipient| recipient.participant.id);
                self.find_last_of_numbers(&ids.filter(|id| *id <= up_to).collect::<Vec<_>>(), context)
            }
            (Audience::Recipients { .. }, Audience::Recipients { .. }) => {
                self.find_last_of_texts(recipients, context)
            }
            // The application has other keys since, and they may have got that mail.
            _ => Ok(HashMap::new()),
        }
    }

    fn find_last_of_numbers(
        &mut self,
        ids: &[ParticipantId],
        context: &Context,
    ) -> Result<HashMap<ParticipantId, NotificationId>, Stopped> {
        let Context { store, database_retry, .. } = context;
        let mut last = database_retry.until_ok(|| store.who_got(&[self.newest], ids))?;
        let others: Vec<ParticipantId> = ids.iter().copied().filter(|id| !last.contains_key(id)).collect();
        if !others.is_empty() {
            let older = self.older(context)?;
            last.extend(database_retry.until_ok(|| store.who_got(older, &others))?);
        }
        Ok(last)
    }

    /// A list has numbers of its own, so that people are found by their keys.
    fn find_last_of_texts(
        &mut self,
        recipients: &[Recipient],
        context: &Context,
    ) -> Result<HashMap<ParticipantId, NotificationId>, Stopped> {
        let Context { store, database_retry, .. } = context;
        let mut left: HashMap<&str, ParticipantId> = recipients
            .iter()
            .filter_map(|recipient| Some((recipient.participant.key.as_deref()?, recipient.participant.id)))
            .collect();
        let (mut last, mut searched) = (HashMap::new(), vec![self.newest]);
        for at in 0..LISTS {
            if at == 1 && !left.is_empty() {
                searched.extend(self.older(context)?);
            }
            let Some(id) = searched.get(at).copied().filter(|_| !left.is_empty()) else { break };
            let keys: Vec<&str> = left.keys().copied().collect();
            for key in database_retry.until_ok(|| store.who_got_of_list(id, &keys))? {
                last.extend(left.remove(key.as_str()).map(|person| (person, id)));
            }
        }
        Ok(last)
    }

    /// The notifications about the event before the newest one.
    fn older(&mut self, context: &Context) -> Result<&[NotificationId], Stopped> {
        let older = if let Some(older) = self.older.take() {
            older
        } else {
            let before = Notification { id: self.newest, ..self.notification };
            context.database_retry.until_ok(|| context.store.list_earlier(&before))?
        };
        Ok(self.older.insert(older))
    }
}
