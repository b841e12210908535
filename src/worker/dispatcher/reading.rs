//! What wakes the dispatcher: the channels of all queues, of the fan-outs and of the recorder. What follows from each is left to
//! `dispatcher`.

use crossbeam_channel::{Select, TryRecvError, never};

use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::source::{SourceId, next};

impl Dispatcher {
    /// Waits until a channel has something.
    pub(super) fn wait(&self) {
        let mut select = Select::new();
        self.sources.iter().for_each(|source| source.wait_with(&mut select));
        select.recv(&self.results);
        select.recv(&self.recorded.1);
        select.recv(self.context.intake.arrived());
        if self.tasks.awaiting_redelivery().is_empty() {
            select.ready();
        } else if select.ready_deadline(self.look_at).is_err() {
            log::trace!("no channel has anything, and it is time to look for redeliveries");
        }
    }

    /// Reads all that the channels have, so that one transaction and one round trip serve many messages.
    pub(super) fn read_channels(&mut self) {
        let sources: Vec<SourceId> = (0..self.sources.len()).map(SourceId).collect();
        for id in &sources {
            self.read_sessions(*id);
            while let Some(acked) = next(&mut self.source(*id).inbox.acked) {
                self.acked(acked);
            }
        }
        while let Some((id, result)) = next(&mut self.results) {
            self.fan_out_ended(id, result);
        }
        for id in &sources {
            while let Some(report) = next(&mut self.source(*id).opener_reports) {
                self.opener_reported(report);
            }
        }
        while let Some(receipt) = next(&mut self.recorded.1) {
            self.ack_recorded(receipt);
        }
        self.take_without_message();
        for id in sources {
            self.read_incoming(id);
        }
    }

    fn read_incoming(&mut self, id: SourceId) {
        loop {
            match self.source(id).inbox.incoming.try_recv() {
                Ok(message) => self.accept(id, &message),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.close_sources(),
            }
        }
    }

    /// A shutdown is requested, also because a queue cannot be used: the worker is not to work with the others only.
    fn close_sources(&mut self) {
        self.open = false;
        for source in &mut self.sources {
            source.inbox.incoming = never();
            source.arrived.clear();
        }
        let mut leases = self.close_intake();
        leases.extend(self.remove_unstarted(|_| true));
        self.release(leases);
    }
}
