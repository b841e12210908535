//! A notification has arrived that supersedes the one of its event whose fan-out runs here: that one is told at once. It also ends when
//! the newer one arrives at another worker, see `fan_out::superseding`.

use crate::domain::superseding::supersedes;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::task::TaskId;

impl Dispatcher {
    /// The notification of this task is open: ends the fan-out in front of it, if it is superseded.
    pub(super) fn end_superseded(&self, id: TaskId) {
        let newer = self.tasks.get(id).and_then(|task| Some((task, task.state.open_notification()?)));
        let (true, Some((newer, newer_id))) = (self.context.supersede, newer) else { return };
        let Some((older, older_id)) = self.tasks.running_before(id) else { return };
        let (kind, details) = (older.message.kind, older.message.details.as_ref());
        if older_id < newer_id && supersedes(newer.message.kind, kind, details) {
            self.context.leases.supersede(older_id, newer_id);
        }
    }
}
