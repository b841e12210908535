//! Events that are harder to show well than most, for the gallery of `fanmail preview --all`.

use chrono::{NaiveDate, TimeDelta};

use crate::content::sample::{all_day, full};
use crate::domain::event::{DateOrTime, Event};

/// An event of several days, with times.
#[must_use]
pub fn several_days() -> Event {
    let later = |moment| match moment {
        DateOrTime::Time(time) => DateOrTime::Time(time + TimeDelta::days(2)),
        DateOrTime::Date(date) => DateOrTime::Date(date),
    };
    let event = full();
    Event { title: "Winter School".to_owned(), ends_at: event.ends_at.map(later), ..event }
}

/// An event of several whole days.
#[must_use]
pub fn several_whole_days() -> Event {
    let last = NaiveDate::from_ymd_opt(2026, 12, 27).map(DateOrTime::Date);
    Event { title: "Holidays at the lake".to_owned(), ends_at: last, ..all_day() }
}

/// A title that is cut.
#[must_use]
pub fn long_title() -> Event {
    Event {
        title: "An evening of lanterns, carols and stories in the botanical garden, ".repeat(150),
        ..full()
    }
}

/// A word that no line has room for.
#[must_use]
pub fn long_word() -> Event {
    let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2);
    Event { title: word.clone(), location: Some(word), ..full() }
}

/// A description that is cut.
#[must_use]
pub fn long_description() -> Event {
    let paragraph = "The choir sings what everybody knows, and some of what nobody has heard yet. After the break \
                     there is tea, and a walk through the greenhouses for those who want to stay a little longer.\n\n";
    Event { description: Some(paragraph.repeat(300)), ..full() }
}

/// A description in HTML, as many applications store it, with what does not belong there.
#[must_use]
pub fn html_description() -> Event {
    let description = "<h2>Welcome</h2><p>Dear <b>guests</b>,<br>doors open at <i>17:30</i>.</p><ul><li>Bring a lantern\
                       <li>Bring a friend</ul><p>More at <a href=\"https://example.com/program\" onclick=\"x()\">the \
                       program</a>.<script>alert(1)</script><p>Unclosed <table><tr><td>cell";
    Event { description: Some(description.to_owned()), ..full() }
}

/// A description in Markdown.
#[must_use]
pub fn markdown_description() -> Event {
    let description = "## Program\n\n1. Doors open at **17:30**\n2. Concert\n   - first half: *Britten*\n   - second half: \
                       carols\n\nMore at [the program](https://example.com/program), or write to \
                       events@example.com.";
    Event { description: Some(description.to_owned()), ..full() }
}

/// An event on the web: its place is an address there.
#[must_use]
pub fn online() -> Event {
    Event {
        title: "Rust Meetup, online".to_owned(),
        description: Some("Slides: https://example.com/slides. Trouble? Call +49 30 1234567.".to_owned()),
        location: Some("https://zoom.us/j/85512345678?pwd=abc".to_owned()),
        ..full()
    }
}

/// An event in Arabic, with words in Latin letters.
#[must_use]
pub fn arabic() -> Event {
    Event {
        title: "ملتقى المطورين: Rust و Tokio 2026".to_owned(),
        description: Some(
            "نلتقي لنتحدث عن Rust و Tokio.\n\nالأبواب مفتوحة من الساعة 17:30 (قاعة B).".to_owned(),
        ),
        location: Some("قاعة المؤتمرات، شارع الملك 12، الرياض".to_owned()),
        timezone: "Asia/Riyadh".to_owned(),
        ..full()
    }
}

/// An event in Hebrew, with words in Latin letters.
#[must_use]
pub fn hebrew() -> Event {
    Event {
        title: "מפגש Rust: אסינכרוניות (async) בפועל".to_owned(),
        description: Some("נדבר על async ועל Tokio.\n\nהדלתות נפתחות ב-17:30!".to_owned()),
        location: Some("רחוב הרצל 12, תל אביב".to_owned()),
        timezone: "Asia/Jerusalem".to_owned(),
        ..full()
    }
}

/// An event in Japanese, whose letters have no spaces between words.
#[must_use]
pub fn japanese() -> Event {
    Event {
        title: "灯りの夕べ：植物園のランタンと弦楽四重奏".to_owned(),
        description: Some("開場は17時30分です。入口でお名前をお知らせください。".repeat(6)),
        location: Some("東京都文京区白山3丁目7番1号".to_owned()),
        timezone: "Asia/Tokyo".to_owned(),
        ..full()
    }
}

/// Emoji everywhere.
#[must_use]
pub fn emoji() -> Event {
    Event {
        title: "🎄🎶 Winter 👩‍👩‍👧 Lights 🇩🇪 ✨".to_owned(),
        description: Some("🎁🎁🎁\n\n☃️ Bring 🧣🧤 and 🍪!".to_owned()),
        location: Some("🏛️ Hall 7️⃣".to_owned()),
        ..full()
    }
}

/// An event that is over.
#[must_use]
pub fn past() -> Event {
    let earlier = |moment| match moment {
        DateOrTime::Time(time) => DateOrTime::Time(time - TimeDelta::weeks(520)),
        DateOrTime::Date(date) => DateOrTime::Date(date),
    };
    let event = full();
    Event { starts_at: event.starts_at.map(earlier), ends_at: event.ends_at.map(earlier), ..event }
}

/// An event that ends before it begins, in a zone that nobody knows, with a page that is no address.
#[must_use]
pub fn wrong_facts() -> Event {
    let event = full();
    Event {
        starts_at: event.ends_at,
        ends_at: event.starts_at,
        timezone: "Middle/Earth".to_owned(),
        url: Some("javascript:alert(1)".to_owned()),
        ..event
    }
}
