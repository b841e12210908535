//! The columns that fanmail uses, checked by hand: one schema for every backend.
//! `participants.created_at` is not here, because nothing reads it.
//!
//! What the application owns may be a view over anything, so all of it but the keys may be NULL.

diesel::table! {
    events (id) {
        id -> BigInt,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        location -> Nullable<Text>,
        starts_at -> Nullable<Timestamp>,
        ends_at -> Nullable<Timestamp>,
        timezone -> Nullable<Text>,
        url -> Nullable<Text>,
        updated_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    participants (id) {
        id -> BigInt,
        event_id -> BigInt,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        locale -> Nullable<Text>,
    }
}

diesel::table! {
    /// The same with a column that the application need not have.
    #[sql_name = "participants"]
    zoned_participants (id) {
        id -> BigInt,
        event_id -> BigInt,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        locale -> Nullable<Text>,
        timezone -> Nullable<Text>,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        locale -> Nullable<Text>,
    }
}

diesel::table! {
    /// Who wants no mail, as the application says.
    optouts (email) {
        email -> Nullable<Text>,
        scope -> Nullable<Text>,
    }
}

diesel::table! {
    notifications (id) {
        id -> BigInt,
        message_key -> Nullable<Text>,
        channel -> Text,
        kind -> Text,
        event_id -> Nullable<BigInt>,
        audience -> Text,
        max_participant_id -> BigInt,
        /// Not used: the key of a notification is its revision number for calendars (decision 0022).
        sequence -> Integer,
        priority -> Integer,
        content -> Nullable<Text>,
        event_snapshot -> Nullable<Text>,
        not_before -> Nullable<Timestamp>,
        superseded_by -> Nullable<BigInt>,
        state -> Text,
        received_at -> Timestamp,
        completed_at -> Nullable<Timestamp>,
        acked_at -> Nullable<Timestamp>,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<Timestamp>,
        epoch -> BigInt,
        broker_session -> Nullable<Text>,
        delivery_tag -> Nullable<BigInt>,
        delivered_at -> Nullable<Timestamp>,
        reason -> Nullable<Text>,
        event_key -> Nullable<Text>,
        content_digest -> Nullable<Text>,
        coalescing_since -> Nullable<Timestamp>,
    }
}

diesel::table! {
    broker_sessions (name) {
        name -> Text,
        worker -> Text,
        opened_at -> Timestamp,
        seen_at -> Timestamp,
        unwritten_since -> Nullable<Timestamp>,
        caught_up_at -> Nullable<Timestamp>,
        lost_at -> Nullable<Timestamp>,
        closed_at -> Nullable<Timestamp>,
        queue -> Nullable<Text>,
    }
}

diesel::table! {
    deliveries (notification_id, participant_id) {
        notification_id -> BigInt,
        participant_id -> BigInt,
        status -> Text,
        attempts -> Integer,
        permanent -> Bool,
        smtp_code -> Nullable<Integer>,
        detail -> Nullable<Text>,
        decided_at -> Timestamp,
        reported_code -> Nullable<Text>,
        reported_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    soft_bounces (address_hash, notification_id, participant_id) {
        address_hash -> Binary,
        notification_id -> BigInt,
        participant_id -> BigInt,
        reported_at -> Timestamp,
    }
}

diesel::table! {
    bounce_counts (result) {
        result -> Text,
        number -> BigInt,
        last_at -> Timestamp,
        last_detail -> Nullable<Text>,
    }
}

diesel::table! {
    erasures (address_hash, begun_at) {
        address_hash -> Binary,
        begun_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        run_by -> Nullable<Text>,
        outcomes -> BigInt,
        recipients -> BigInt,
        notifications -> BigInt,
        suppressions -> BigInt,
        outbox_rows -> BigInt,
    }
}

diesel::table! {
    recipients (notification_id, id) {
        notification_id -> BigInt,
        id -> BigInt,
        user_key -> Nullable<Text>,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        locale -> Nullable<Text>,
        data -> Nullable<Text>,
    }
}

diesel::table! {
    deferrals (notification_id, participant_id) {
        notification_id -> BigInt,
        participant_id -> BigInt,
        tries -> Integer,
        next_try_at -> Timestamp,
        smtp_code -> Nullable<Integer>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    /// As it is read: applications write it, and SQLite stores any value in any column.
    outbox (id) {
        id -> BigInt,
        message_id -> Nullable<Binary>,
        body -> Binary,
        routing_key -> Nullable<Binary>,
        priority -> Integer,
        not_before -> Nullable<Timestamp>,
        created_at -> Timestamp,
        taken_by -> Nullable<Text>,
        taken_at -> Nullable<Timestamp>,
        problem -> Nullable<Text>,
    }
}

diesel::table! {
    installation (id) {
        id -> Text,
        untagged_up_to -> BigInt,
        reminders_looked_at -> Nullable<Timestamp>,
        address_key -> Nullable<Text>,
    }
}

diesel::table! {
    suppressions (address_hash, scope) {
        address_hash -> Binary,
        scope -> Text,
        address -> Nullable<Text>,
        reason -> Text,
        source -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    workers (name) {
        name -> Text,
        started_at -> Timestamp,
        seen_at -> Timestamp,
        troubles -> Text,
    }
}

diesel::table! {
    /// The migrations that were applied, as diesel records them.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(deferrals, deliveries, notifications, participants, recipients);
diesel::allow_tables_to_appear_in_same_query!(installation, suppressions);

/// Rows in one INSERT. SQLite binds at most 32,766 values to a statement (<https://www.sqlite.org/limits.html>), the
/// servers 65,535.
pub const INSERT_ROWS: usize = 1000;
