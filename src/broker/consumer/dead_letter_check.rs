//! The look at the dead-letter queue before each session. What is stored there is left to `dead_letters`.

use std::sync::Arc;
use std::time::Instant;

use crate::broker::connection::BrokerConnection;
use crate::broker::consumer::BrokerThread;
use crate::broker::error::BrokerError;
use crate::broker::topology;

impl BrokerThread {
    /// Declares the dead-letter queue. A session may begin without it, except the first one: a message that cannot be
    /// processed would hold its place for ever, and the worker would never have worked as configured.
    pub(super) fn check_dead_letter_queue(
        &self,
        connection: &mut BrokerConnection,
    ) -> Result<(), BrokerError> {
        let socket = Arc::clone(&connection.socket);
        let declare = || topology::declare_dead_letter_queue(connection, &self.config.queue);
        let health = self.dead_letters.health();
        match self.watchdog.guard("declaring the dead-letter queue", &socket, declare) {
            Ok(_) => health.works(Instant::now()),
            Err(error) if error.is_loss() || self.refuses_to_begin(&error) => return Err(error),
            Err(error) => health.failed(&error, 0, Instant::now()),
        }
        Ok(())
    }

    /// Whether this is the start of the process, and only a person can change what is wrong.
    pub(super) fn refuses_to_begin(&self, error: &BrokerError) -> bool {
        !self.has_begun && error.is_unusable_queue()
    }
}
