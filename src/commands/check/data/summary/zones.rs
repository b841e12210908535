//! What is said of time zones that fanmail does not know: those of events, and those of participants.

use crate::commands::check::data::summary::{SHOWN_MAX, Summary};
use crate::domain::participant::Participant;
use crate::domain::time_zone::TimeZone;
use crate::store::source::zones::UnknownZones;
use crate::text::clean::{cut, one_line};
use crate::text::count::count;
use crate::text::mask::mask;

impl Summary {
    /// Adds the zones of participants that fanmail does not know.
    pub(super) fn add_own_zones(&mut self, people: &[Participant]) {
        let zones = people.iter().filter_map(|person| person.timezone.as_deref());
        for zone in zones.filter(|zone| TimeZone::parse(zone).is_none()) {
            self.own_zones.add(1, || zone.to_owned());
        }
    }

    /// A sentence for those of events, and one for those of participants.
    pub(super) fn unknown_zones(&self) -> impl Iterator<Item = String> {
        let of_events = self.zones.as_ref().map(|UnknownZones { events, example }| {
            unknown(&count(*events, "event"), example, "their mails show UTC")
        });
        let own = &self.own_zones;
        let of_participants = (own.count > 0).then(|| {
            let consequence = "their mails do not show the time of their own clocks";
            unknown(&count(own.count, "participant"), &own.example, consequence)
        });
        of_events.into_iter().chain(of_participants)
    }
}

fn unknown(who: &str, example: &str, consequence: &str) -> String {
    // A view may have put anything there.
    let example = cut(one_line(&mask(example)), SHOWN_MAX);
    format!(
        "{who} with a time zone that fanmail does not know, such as {example:?}; {consequence}; \
         store a name such as Europe/Berlin"
    )
}
