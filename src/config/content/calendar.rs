//! What mails carry for the calendars of their recipients: `CALENDAR`.

use crate::config::reader::Reader;

/// What a mail about an event carries for the calendar of its recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CalendarMode {
    /// An entry that calendars add, change and remove by themselves.
    #[default]
    Request,
    /// An entry that the recipient may add.
    Publish,
    /// Nothing.
    Off,
}

impl CalendarMode {
    /// Reads `CALENDAR`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.parsed("CALENDAR", "request, publish or off", Self::parse).unwrap_or_default()
    }

    fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "request" => Some(Self::Request),
            "publish" => Some(Self::Publish),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}
