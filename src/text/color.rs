//! Colours as mails write them, and whether people can tell them apart: contrast as WCAG 2 defines it.

use std::fmt;

/// The contrast that text needs against its background (WCAG 2, success criterion 1.4.3, level AA).
pub const TEXT_CONTRAST: f64 = 4.5;

/// The contrast that large text and parts of a page other than text need (1.4.3 and 1.4.11).
pub const LARGE_CONTRAST: f64 = 3.0;

/// A colour of sRGB without transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    /// Red, green and blue.
    pub channels: [u8; 3],
}

impl Color {
    /// `#000000`
    pub const BLACK: Self = Self { channels: [0; 3] };
    /// `#ffffff`
    pub const WHITE: Self = Self { channels: [255; 3] };

    /// Reads `#0a7`, `#00aa77`, `rgb(0, 170, 119)`, `white` or `black`. Colours with transparency, and the other names of CSS, are
    /// not read: which colour people see then depends on more than this text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "white" => return Some(Self::WHITE),
            "black" => return Some(Self::BLACK),
            _ => {}
        }
        if let Some(digits) = text.strip_prefix('#') {
            return Self::from_hex(digits);
        }
        let inner = text.strip_prefix("rgb(")?.strip_suffix(')')?;
        let numbers: Option<Vec<u8>> = inner.split(',').map(|number| number.trim().parse().ok()).collect();
        Some(Self { channels: numbers?.try_into().ok()? })
    }

    fn from_hex(digits: &str) -> Option<Self> {
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        match digits.len() {
            6 => Some(Self { channels: [red, green, blue] }),
            // Each digit stands for itself twice.
            3 => Some(Self { channels: [green & 15, blue >> 4, blue & 15].map(|digit| digit * 17) }),
            _ => None,
        }
    }

    /// The contrast with `other`: from 1, the same colour, to 21, black on white.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// The colour of text on this background: white if people can read it, else the one of black and white that they can read
    /// better.
    #[must_use]
    pub fn text_color(self) -> Self {
        let (white, black) = (self.contrast(Self::WHITE), self.contrast(Self::BLACK));
        if white >= TEXT_CONTRAST || white >= black { Self::WHITE } else { Self::BLACK }
    }

    /// The nearest form of this colour that has this contrast to `background`: mixed with black on a light background, with
    /// white on a dark one.
    #[must_use]
    pub fn with_contrast(self, least: f64, background: Self) -> Self {
        let end = background.text_color();
        let mut forms = (0..=100).map(|percent| self.mixed(end, percent));
        forms.find(|form| form.contrast(background) >= least).unwrap_or(end)
    }

    fn mixed(self, other: Self, percent: u16) -> Self {
        let mut channels = self.channels;
        for (channel, other) in channels.iter_mut().zip(other.channels) {
            let mixed = (u16::from(*channel) * (100 - percent) + u16::from(other) * percent) / 100;
            *channel = u8::try_from(mixed).unwrap_or(other);
        }
        Self { channels }
    }

    /// The relative luminance of WCAG 2: 0 is black, 1 is white.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.channels.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// A channel of sRGB as the light that it makes.
fn linear(channel: u8) -> f64 {
    let channel = f64::from(channel) / 255.0;
    if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.channels;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn colours_are_read_as_mails_write_them() {
        for text in ["#0A7", " #00aa77 ", "rgb(0, 170,119)"] {
            assert_eq!(color(text).to_string(), "#00aa77");
        }
        assert_eq!(color("White"), Color::WHITE);
        for text in [
            "",
            "#",
            "#12",
            "#12345",
            "#1234567",
            "#00aa77ff",
            "#+12",
            "rgb(0,0)",
            "rgb(0,0,256)",
            "teal",
            "é",
        ] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    /// Black on white is 21:1 by definition; `#767676` is the lightest grey that text on white may have, `#777777` is too light.
    #[test]
    fn contrast_is_that_of_wcag() {
        for (one, two, expected) in [
            ("#ffffff", "#000000", 21.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#04724d", "#ffffff", 5.97),
            ("#3b3fc4", "#3b3fc4", 1.0),
        ] {
            let contrast = color(one).contrast(color(two));
            assert!((contrast - expected).abs() < 0.01, "{one} {two}: {contrast}");
            assert!((color(two).contrast(color(one)) - contrast).abs() < 1e-9, "either way");
        }
    }

    #[test]
    fn text_on_any_background_can_be_read() {
        assert_eq!(color("#b3261e").text_color(), Color::WHITE);
        assert_eq!(color("#ffd400").text_color(), Color::BLACK);
        for grey in 0..=255 {
            let background = Color { channels: [grey; 3] };
            assert!(background.contrast(background.text_color()) >= TEXT_CONTRAST, "{background}");
        }
    }

    proptest! {
        #[test]
        fn every_colour_has_a_form_with_contrast(channels: [u8; 3], background: [u8; 3], least in 1.0..4.5) {
            let (color, background) = (Color { channels }, Color { channels: background });
            let form = color.with_contrast(least, background);
            prop_assert!(form.contrast(background) >= least, "{} {} {}", color, background, form);
            prop_assert!(form == color || color.contrast(background) < least);
        }
    }
}
