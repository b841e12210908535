//! Lengths of time in words.

use std::time::Duration;

/// A length of time in one unit, rounded up: `90 s`, `45 min`, `8 h`, `3 days`.
#[must_use]
pub fn at_most(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().ceil();
    let (size, unit) = match seconds {
        ..=120.0 => (1.0, "s"),
        ..=7_200.0 => (60.0, "min"),
        ..=172_800.0 => (3_600.0, "h"),
        _ => (86_400.0, "days"),
    };
    format!("{} {unit}", (seconds / size).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_fits_the_length_and_no_length_is_understated() {
        let words = |seconds: f64| at_most(Duration::from_secs_f64(seconds));
        assert_eq!([0.2, 120.0, 121.0, 2700.0].map(words), ["1 s", "120 s", "3 min", "45 min"]);
        assert_eq!([7201.0, 28_200.0, 172_800.0, 172_801.0].map(words), ["3 h", "8 h", "48 h", "3 days"]);
    }
}
