//! Settling: the acks and dead letters that the dispatcher asks for, and what is left of them at a shutdown. The calls are left
//! to `session`.

use crossbeam_channel::select;

use crate::broker::consumer::BrokerThread;
use crate::broker::consumer::session::ConsumerSession;
use crate::broker::error::BrokerError;
use crate::broker::incoming::Settlement;

impl BrokerThread {
    /// After a shutdown request: returns messages that no fan-out works on, and settles the others when they are done.
    pub(super) fn finish(&mut self, session: &mut ConsumerSession) -> Result<(), BrokerError> {
        self.settle_remaining(session)?;
        let last = self.dead_letters.finish();
        session.ack(last.into_iter(), &self.acked)
    }

    fn settle_remaining(&self, session: &mut ConsumerSession) -> Result<(), BrokerError> {
        session.return_untaken(&self.not_taken)?;
        loop {
            select! {
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.dead_letters.confirmed()) -> receipt => session.ack(receipt.into_iter(), &self.acked)?,
                default(session.until_ping()) => session.ping()?,
            }
        }
    }

    /// Settles this message and all others that are ready: they share one round trip.
    pub(super) fn settle(&self, session: &mut ConsumerSession, first: Settlement) -> Result<(), BrokerError> {
        let mut acks = Vec::new();
        for settlement in std::iter::once(first).chain(self.settlements.try_iter()) {
            match settlement {
                Settlement::Ack(receipt) => acks.push(receipt),
                Settlement::DeadLetter(receipt, reason) => {
                    if let Some(letter) = session.dead_letter(receipt, reason) {
                        self.dead_letters.store(letter);
                    }
                }
            }
        }
        session.ack(acks.into_iter(), &self.acked)
    }
}
