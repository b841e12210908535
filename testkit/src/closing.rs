//! Closing a connection to the broker.

use amiquip::{Connection, Error};

/// Closes a connection of the test in good order. The thread of amiquip 0.4 may find the connection dropped right after it has handed over the
/// broker's answer, and calls that an error.
pub fn close(connection: Connection) {
    match connection.close() {
        Ok(()) | Err(Error::EventLoopClientDropped) => {}
        Err(error) => panic!("the connection cannot be closed: {error}"),
    }
}
