//! Publishing a notification, with the confirm of the broker.
