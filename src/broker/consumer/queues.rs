//! The look at the two queues and their bindings before each session. Consuming is left to `session`, what is stored as a dead letter to
//! `dead_letters`.

use std::sync::Arc;
use std::time::Instant;

use crate::broker::connection::BrokerConnection;
use crate::broker::consumer::BrokerThread;
use crate::broker::consumer::depths::QueueDepths;
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, bindings, dead_letter_queue, events_exchange};
use crate::observe::events;

impl BrokerThread {
    /// Finds or creates both queues, and binds the one that is consumed.
    pub(super) fn find_queues(&self, connection: &mut BrokerConnection) -> Result<(), BrokerError> {
        self.find_dead_letter_queue(connection)?;
        let socket = Arc::clone(&connection.socket);
        let find = || topology::find_or_create(connection, &self.config.queue);
        self.watchdog.guard("looking for the queue", &socket, find)?;
        self.find_events_exchange(connection)?;
        self.bind_queue(connection)
    }

    /// Begins to ask what waits in the queue.
    pub(super) fn ask_depths(&self, connection: &mut BrokerConnection) -> QueueDepths {
        let gauges = self.monitor.metrics.queues.of(&self.config.queue);
        QueueDepths::begin(connection, &self.config.queue, gauges, &self.watchdog)
    }

    /// Before the first session only: later, the thread that publishes events tells what is wrong.
    fn find_events_exchange(&self, connection: &mut BrokerConnection) -> Result<(), BrokerError> {
        let Some(exchange) = self.config.publishing.events_exchange.as_ref().filter(|_| !self.has_begun)
        else {
            return Ok(());
        };
        let socket = Arc::clone(&connection.socket);
        let find = || events_exchange::find_or_declare(connection, exchange);
        self.watchdog.guard("looking for the exchange of events", &socket, find)
    }

    /// A session may begin without a binding that cannot be made, except the first one: the queue may have messages.
    fn bind_queue(&self, connection: &mut BrokerConnection) -> Result<(), BrokerError> {
        let socket = Arc::clone(&connection.socket);
        let mut problems = Vec::new();
        for binding in &self.config.bindings {
            let bind = || bindings::bind(connection, binding);
            match self.watchdog.guard("binding the queue to an exchange", &socket, bind) {
                Ok(()) if self.has_begun => {}
                Ok(()) => events::broker::bound(&binding.queue, binding),
                Err(error @ BrokerError::Binding(_)) if self.has_begun => problems.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        events::broker::bindings_looked_at(&self.monitor.health, &problems);
        Ok(())
    }

    /// A session may begin without the dead-letter queue, except the first one: a message that cannot be processed would
    /// hold its place for ever, and the worker would never have worked as configured.
    fn find_dead_letter_queue(&self, connection: &mut BrokerConnection) -> Result<(), BrokerError> {
        let socket = Arc::clone(&connection.socket);
        let find = || topology::find_or_create(connection, &dead_letter_queue(&self.config.queue));
        let health = self.dead_letters.health();
        match self.watchdog.guard("looking for the dead-letter queue", &socket, find) {
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
