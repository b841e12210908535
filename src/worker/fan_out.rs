//! The story of one notification.
