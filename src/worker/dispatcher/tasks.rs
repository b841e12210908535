//! The tasks of the dispatcher: found by number and by receipt, and for each event in order of arrival. What a state means
//! is left to `dispatcher`.

use std::collections::{BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, Utc};

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::priority::Priority;
use crate::domain::reply_to::ReplyTo;
use crate::domain::session::Receipt;
use crate::domain::traceparent::TraceParent;
use crate::worker::dispatcher::source::{SourceId, Urgency};
use crate::worker::dispatcher::startable::Startable;
use crate::worker::dispatcher::task::{Task, TaskId, TaskState};
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::intake::WithoutMessage;

/// Whose tasks are started one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Line {
    /// Those of an event.
    Event(EventId),
    /// A notice alone, which is about no event.
    Notice(TaskId),
}

/// Every task that is not finished.
#[derive(Debug, Default)]
pub struct Tasks {
    by_id: HashMap<TaskId, Task>,
    receipts: HashMap<Receipt, TaskId>,
    /// The tasks of each event, in order of arrival, and each notice. Only the first one is ever started.
    queues: HashMap<Line, VecDeque<TaskId>>,
    startable: Startable,
    /// Those whose messages are to come again.
    awaiting: BTreeSet<TaskId>,
    last: u64,
}

impl Tasks {
    /// Adds a message that has arrived, behind the others of its event.
    pub fn add(
        &mut self,
        message: Message,
        identity: Identity,
        (source, urgency): (SourceId, Urgency),
        receipt: Receipt,
    ) -> TaskId {
        let task = Task::new(message, identity, TaskState::Opening);
        self.insert(Task { source: Some(source), urgency, receipt: Some(receipt), ..task })
    }

    /// Sets when the message of a task was published, and the trace that it belongs to.
    pub fn set_origin(&mut self, id: TaskId, published_at: DateTime<Utc>, traceparent: Option<TraceParent>) {
        if let Some(task) = self.by_id.get_mut(&id) {
            task.published_at = Some(published_at);
            task.traceparent = traceparent;
        }
    }

    /// Sets where the publisher of the message of a task wants to be told what became of it.
    pub fn set_reply_to(&mut self, id: TaskId, reply_to: Option<ReplyTo>) {
        if let Some(task) = self.by_id.get_mut(&id) {
            task.reply_to = reply_to;
        }
    }

    /// Adds a notification that no message carries, behind the others of its event.
    pub fn add_without_message(&mut self, notification: WithoutMessage) -> TaskId {
        let WithoutMessage { message, identity, opened, place } = notification;
        let is_new = matches!(opened, OpenedAs::Ours { resumed: false, .. });
        let published_at = is_new.then(Utc::now);
        let task = Task::new(message, identity, TaskState::Waiting(opened));
        self.insert(Task { published_at, place: Some(place), ..task })
    }

    fn insert(&mut self, task: Task) -> TaskId {
        self.last += 1;
        let id = TaskId(self.last);
        let line = Line::of(id, &task);
        if let Some(receipt) = task.receipt {
            self.receipts.insert(receipt, id);
        }
        self.by_id.insert(id, task);
        self.queues.entry(line).or_default().push_back(id);
        // An urgent one behind others of its event makes them urgent.
        self.update_first(line);
        id
    }

    /// The task with this number.
    #[must_use]
    pub fn get(&self, id: TaskId) -> Option<&Task> {
        self.by_id.get(&id)
    }

    /// The task with this receipt.
    #[must_use]
    pub fn find(&self, receipt: Receipt) -> Option<(TaskId, &Task)> {
        let id = *self.receipts.get(&receipt)?;
        Some((id, self.by_id.get(&id)?))
    }

    /// Whether the event of a message has a task.
    #[must_use]
    pub fn has_event_of(&self, message: &Message) -> bool {
        message.event_id.is_some_and(|event_id| self.queues.contains_key(&Line::Event(event_id)))
    }

    /// The task that is to start next among the urgent ones, or among the others: of the priority whose turn it is, the one that
    /// arrived first of those that are the first of their event.
    pub fn next_startable(&mut self, urgency: Urgency) -> Option<TaskId> {
        self.startable.next(urgency)
    }

    /// Begins a task that was startable: its fan-out runs, or its message is opened first (`None`).
    pub fn begin(&mut self, id: TaskId) -> Option<(&Task, Option<OpenedAs>)> {
        self.startable.begin(id);
        let opened = match self.set_state(id, TaskState::Opening)? {
            TaskState::Waiting(opened) => {
                let notification = opened.notification();
                self.set_state(id, TaskState::Running(notification.id));
                Some(opened)
            }
            _ => None,
        };
        Some((self.by_id.get(&id)?, opened))
    }

    /// The tasks whose messages are to come again.
    #[must_use]
    pub fn awaiting_redelivery(&self) -> &BTreeSet<TaskId> {
        &self.awaiting
    }

    /// Another task of the event of `id`, or another notice, that has this notification and is not done with it.
    #[must_use]
    pub fn find_twin(&self, id: TaskId, notification_id: NotificationId) -> Option<TaskId> {
        let has_it = |task: &Task| task.state.open_notification() == Some(notification_id);
        match Line::of(id, self.by_id.get(&id)?) {
            Line::Notice(_) => self.select(has_it).into_iter().find(|other| *other != id),
            line @ Line::Event(_) => {
                let queue = self.queues.get(&line)?;
                queue.iter().copied().find(|other| *other != id && self.by_id.get(other).is_some_and(has_it))
            }
        }
    }

    /// The task of the event of `id` whose fan-out runs.
    #[must_use]
    pub fn running_before(&self, id: TaskId) -> Option<(&Task, NotificationId)> {
        let queue = self.queues.get(&Line::of(id, self.by_id.get(&id)?))?;
        let first = self.by_id.get(queue.front()?)?;
        match first.state {
            TaskState::Running(notification_id) => Some((first, notification_id)),
            _ => None,
        }
    }

    /// The tasks that fit, in order of arrival.
    #[must_use]
    pub fn select(&self, fits: impl Fn(&Task) -> bool) -> Vec<TaskId> {
        let mut ids: Vec<TaskId> =
            self.by_id.iter().filter(|(_, task)| fits(task)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Sets the state of a task, and returns the one before.
    pub fn set_state(&mut self, id: TaskId, state: TaskState) -> Option<TaskState> {
        let task = self.by_id.get_mut(&id)?;
        let line = Line::of(id, task);
        if matches!(state, TaskState::AwaitingRedelivery { .. }) {
            self.awaiting.insert(id);
        } else {
            self.awaiting.remove(&id);
        }
        let before = std::mem::replace(&mut task.state, state);
        self.update_startable(line, id);
        Some(before)
    }

    /// The notification of a task has vanished. The message has had one of its own, so none that is there is it.
    pub fn reopen(&mut self, id: TaskId) {
        if let Some(task) = self.by_id.get_mut(&id) {
            task.identity.redelivered = false;
            self.set_state(id, TaskState::Reopening);
        }
    }

    /// The message of a task was delivered again.
    pub fn set_receipt(&mut self, id: TaskId, source: SourceId, receipt: Receipt) {
        if let Some(task) = self.by_id.get_mut(&id) {
            if let Some(old) = task.receipt.replace(receipt) {
                self.receipts.remove(&old);
            }
            task.source = Some(source);
            self.receipts.insert(receipt, id);
        }
    }

    /// Lets the next task of the event start although this one is not finished.
    pub fn leave_queue(&mut self, id: TaskId) {
        let Some(line) = self.by_id.get(&id).map(|task| Line::of(id, task)) else {
            return;
        };
        self.startable.remove(id);
        let Some(queue) = self.queues.get_mut(&line) else {
            return;
        };
        queue.retain(|other| *other != id);
        if queue.is_empty() {
            self.queues.remove(&line);
        } else {
            self.update_first(line);
        }
    }

    fn update_first(&mut self, line: Line) {
        if let Some(first) = self.queues.get(&line).and_then(|queue| queue.front()).copied() {
            self.update_startable(line, first);
        }
    }

    /// Removes a task that is finished, or that is to be forgotten.
    pub fn remove(&mut self, id: TaskId) -> Option<Task> {
        self.leave_queue(id);
        let task = self.by_id.remove(&id)?;
        self.awaiting.remove(&id);
        if let Some(receipt) = task.receipt {
            self.receipts.remove(&receipt);
        }
        Some(task)
    }

    fn update_startable(&mut self, line: Line, id: TaskId) {
        let is_first = self.queues.get(&line).and_then(|queue| queue.front()) == Some(&id);
        let state = self.by_id.get(&id).map(|task| &task.state);
        let can_start = is_first && matches!(state, Some(TaskState::Waiting(_) | TaskState::Reopening));
        self.startable.remove(id);
        if can_start {
            let (urgency, priority) = self.rank_of(line);
            self.startable.insert(id, urgency, priority);
        }
    }

    /// All tasks of a line are as urgent as the most urgent of them, and have the highest of their priorities.
    fn rank_of(&self, line: Line) -> (Urgency, Priority) {
        let tasks = || self.queues.get(&line).into_iter().flatten().filter_map(|id| self.by_id.get(id));
        let urgency = tasks().map(|task| task.urgency).max();
        let priority = tasks().map(|task| task.message.priority.unwrap_or_default()).max();
        (urgency.unwrap_or(Urgency::Usual), priority.unwrap_or_default())
    }
}

impl Line {
    fn of(id: TaskId, task: &Task) -> Self {
        task.message.event_id.map_or(Self::Notice(id), Self::Event)
    }
}

#[cfg(test)]
mod tests;
