//! `BOUNCE_ADDRESS`: where mails come back to. A token of each mail stands behind its local part, so that has to be short and plain.

use crate::config::reader::{Reader, is_address};

/// Most octets of its local part: the longest token takes the others (`domain::bounce_token`).
pub const LOCAL_PART_MAX: usize = 16;

pub(super) fn read(reader: &mut Reader<'_>) -> Option<String> {
    let expected = format!(
        "one address such as bounces@example.org, whose part before the @ has at most {LOCAL_PART_MAX} letters, digits, dots, hyphens and \
         underscores; mails to it with +TOKEN before the @ must arrive, too"
    );
    reader.parsed("BOUNCE_ADDRESS", &expected, |value| is_bounce_address(value).then(|| value.to_owned()))
}

fn is_bounce_address(value: &str) -> bool {
    let Some((local, _)) = value.rsplit_once('@') else { return false };
    let is_plain = local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    is_address(value) && is_plain && local.len() <= LOCAL_PART_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_behind_the_local_part() {
        for good in ["bounces@example.org", "fanmail-bounces@mail.example.org", "b@[192.0.2.1]"] {
            assert!(is_bounce_address(good), "{good}");
        }
        for bad in [
            "bounces",
            "@example.org",
            "bounces@",
            "a-bounce-address-of-a-long-name@example.org",
            "bounces+x@example.org",
            "\"b\"@example.org",
            "b@exämple.org",
            "Bounces <b@example.org>",
        ] {
            assert!(!is_bounce_address(bad), "{bad}");
        }
    }
}
