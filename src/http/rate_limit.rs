//! How often clients may ask: each of them, and all together. Which requests are counted is left to the routes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Most clients that are remembered.
const CLIENTS_MAX: usize = 4096;

/// How many requests at once, and how many a second for long.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// At once, after a pause.
    pub burst: f64,
    /// A second.
    pub per_second: f64,
}

/// Counts the requests of each client and of all.
#[derive(Debug)]
pub struct RateLimit {
    each: Allowance,
    all: Allowance,
    clients: HashMap<IpAddr, Budget>,
    whole: Budget,
}

/// What may still be asked.
#[derive(Debug, Clone, Copy)]
struct Budget {
    left: f64,
    at: Instant,
}

impl Budget {
    fn full(allowance: Allowance, now: Instant) -> Self {
        Self { left: allowance.burst, at: now }
    }

    /// With what has been added since.
    fn refilled(self, allowance: Allowance, now: Instant) -> Self {
        let added = now.saturating_duration_since(self.at).as_secs_f64() * allowance.per_second;
        Self { left: (self.left + added).min(allowance.burst), at: now }
    }

    fn take(&mut self, allowance: Allowance, now: Instant) -> bool {
        *self = self.refilled(allowance, now);
        let is_enough = self.left >= 1.0;
        if is_enough {
            self.left -= 1.0;
        }
        is_enough
    }
}

impl RateLimit {
    /// No client has asked yet.
    #[must_use]
    pub fn new(each: Allowance, all: Allowance, now: Instant) -> Self {
        Self { each, all, clients: HashMap::new(), whole: Budget::full(all, now) }
    }

    /// Whether this client may ask now; then it counts. What one is refused is not taken from the others.
    pub fn allows(&mut self, client: IpAddr, now: Instant) -> bool {
        let client = network(client);
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            let each = self.each;
            self.clients.retain(|_, budget| budget.refilled(each, now).left < each.burst);
        }
        // Beyond that, only the limit of all counts.
        let is_remembered = self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&client);
        let each = self.each;
        let may = !is_remembered
            || self.clients.entry(client).or_insert_with(|| Budget::full(each, now)).take(each, now);
        may && self.whole.take(self.all, now)
    }
}

/// The address of a client; of IPv6 that of its network, because each has any number of addresses there.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limit(now: Instant) -> RateLimit {
        let each = Allowance { burst: 3.0, per_second: 1.0 };
        RateLimit::new(each, Allowance { burst: 10.0, per_second: 5.0 }, now)
    }

    fn client(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn each_client_has_a_limit_that_grows_again() {
        let now = Instant::now();
        let mut limit = limit(now);
        let asked: Vec<bool> = (0..5).map(|_| limit.allows(client(1), now)).collect();
        assert_eq!(asked, [true, true, true, false, false]);
        assert!(limit.allows(client(2), now));
        let later = now + Duration::from_millis(2_100);
        let asked: Vec<bool> = (0..3).map(|_| limit.allows(client(1), later)).collect();
        assert_eq!(asked, [true, true, false]);
        let much_later = now + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| limit.allows(client(1), much_later)).count(), 3);
    }

    #[test]
    fn all_together_have_one_and_who_is_refused_takes_nothing_of_it() {
        let now = Instant::now();
        let mut limit = limit(now);
        assert_eq!((0..100).filter(|_| limit.allows(client(1), now)).count(), 3);
        assert_eq!((2..100).filter(|number| limit.allows(client(*number), now)).count(), 7);
    }

    #[test]
    fn neighbours_of_ipv6_are_one_client() {
        let now = Instant::now();
        let mut limit = limit(now);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"].map(address);
        assert!(one.into_iter().all(|one| limit.allows(one, now)));
        assert!(!limit.allows(address("2001:db8::3"), now));
        assert!(limit.allows(address("2001:db8:0:1::1"), now));
        assert_eq!(network(address("::ffff:192.0.2.1")), client(1));
    }

    #[test]
    fn any_number_of_clients_takes_little_memory() {
        let now = Instant::now();
        let generous = Allowance { burst: 1e9, per_second: 1e9 };
        let mut limit = RateLimit::new(Allowance { burst: 3.0, per_second: 1.0 }, generous, now);
        for number in 0..3 * u32::try_from(CLIENTS_MAX).unwrap() {
            assert!(limit.allows(IpAddr::V4(number.into()), now));
        }
        assert_eq!(limit.clients.len(), CLIENTS_MAX);
        assert!(limit.allows(client(1), now + Duration::from_secs(60)));
        assert_eq!(limit.clients.len(), 1);
    }
}
