//! The words of replies: tables of phrases, each with what it means. How a reply is read for that is left to
//! `words_of`, what follows to `classify`.

/// Phrases with one meaning, separated by commas.
pub struct Phrases(&'static str);

impl Phrases {
    /// Whether one of them occurs.
    #[must_use]
    pub fn occur_in(&self, words: &str) -> bool {
        self.0.split(", ").any(|phrase| words.contains(phrase))
    }
}

/// A receiver that knows the sender not yet takes the mail in some minutes.
pub const GREYLISTING: Phrases =
    Phrases("greylist, graylist, grey list, gray list, liste grise, listes grises");

/// The sender of the envelope or of the mail, or our right to use it.
pub const SENDER: Phrases = Phrases(
    "sender address, sender's, sender rejected, sender denied, sender refused, sender domain, sender verif, \
     sender identity, sender is not, sender not, bad sender, invalid sender, valid sender, unknown sender, \
     unverified sender, envelope sender, for sender, of the sender, verifying sender, verify sender, sender callout, \
     sender callback, from your domain, record for your domain, records for your domain, your domain is, your domain has, \
     your domain does, your domain could, your domain cannot, \
     envelope from, from address, from header, from: header, mail from, mailfrom, return path, \
     not owned by, send as, sendas, not allowed to send, not authorized to send, \
     not authorised to send, not permitted to send, address is not verified, absender, expediteur, \
     expéditeur, mittente",
);

/// Whether the relay takes mail of ours for other domains.
pub const RELAYING: Phrases = Phrases(
    "relay access, relaying, relay not, relay denied, not permitted to relay, unable to relay, \
     cannot relay, not relay, no relay, to relay",
);

/// The name in our EHLO.
pub const HELO_NAME: Phrases = Phrases("helo, ehlo");

/// The name and address of our host.
pub const HOST: Phrases =
    Phrases("client host, reverse dns, reverse hostname, reverse lookup, rdns, ptr record, your hostname");

/// Our login.
pub const LOGIN: Phrases =
    Phrases("authenticat, smtp auth, auth required, log in first, login required, login name, credential");

/// Our account at the relay, and how many mails it may send. Exchange Online says "STOREDRV.Submission" of the mailbox
/// that sends. An account that is suspended may be the recipient's, too: a second refusal shows it.
pub const ACCOUNT: Phrases = Phrases(
    "your account, your quota, relay quota, sending quota, message quota, submission quota, \
     storedrv.submission, submissionquota, you have exceeded, you've exceeded, you have reached, \
     you are over, daily, credits, subscription, outgoing mail, outgoing email, outbound mail, outbound email, sending paused, \
     sending suspended, sending disabled, sending is, sending has been, this account has been, account suspended, \
     account has been suspended, account is suspended",
);

/// Blocklists, reputation and content filters.
pub const BLOCKED: Phrases = Phrases(
    "blocked, blocklist, block list, blacklist, black list, blackhole, spam, unsolicited, reputation, \
     banned, dmarc, dkim, spf, policy, policies, access denied, spamhaus, spamcop, dnsbl, barracudacentral, uceprotect",
);

/// In the names of hosts that have blocklists. Replies name them with little else.
pub const BLOCKLIST_HOSTS: Phrases = Phrases("spamhaus, spamcop, dnsbl, barracudacentral, uceprotect");

/// A mailbox or a domain that does not exist, or that alone is slow.
pub const MAILBOX: Phrases = Phrases(
    "user unknown, unknown user, user not found, user is unknown, user is not found, \
     user does not exist, user doesn't exist, no such user, no such mailbox, no such recipient, \
     no such person, no such address, no such account, no such domain, no mailbox, \
     not a valid mailbox, invalid mailbox, invalid recipient, recipient is invalid, invalid address, \
     recipient unknown, unknown recipient, unknown address, address unknown, unknown mailbox, \
     mailbox unknown, mailbox not found, mailbox does not exist, recipient thread limit, \
     recipient not found, recipient does not exist, recipient doesn't exist, address does not exist, \
     address doesn't exist, account does not exist, account doesn't exist, \
     account that you tried to reach, doesn't have a, no longer valid, bad address, \
     unrouteable address, unroutable address, unverified address, no such host, domain not found, \
     domain does not exist, domain lookup failed, domain is not reachable, \
     host or domain name not found, undeliverable address, host unknown, unknown host, domain unknown, \
     unknown domain, empfänger unbekannt, empfaenger unbekannt, unbekannter empf, adresse inconnue, \
     utilisateur inconnu, destinataire inconnu, destinataire invalide, boite aux lettres inconnue",
);

/// A mailbox that is full or disabled. Behind a code of policy, the account may be ours.
pub const MAILBOX_STATE: Phrases = Phrases(
    "mailbox is disabled, mailbox disabled, mailbox is inactive, mailbox is full, mailbox full, \
     mailbox for user is full, mailbox size, mailbox has exceeded, mailbox quota, mailbox disk quota, mailbox is frozen, \
     exhausted allowed storage, too many messages on the server, too many messages on server, out of storage, recipient account, \
     inbox is full, full mailbox, over quota, overquota, account is inactive, account inactive, \
     postfach voll, postfach ist voll, boite pleine, destinataire pleine",
);

/// Texts that relays use for a mailbox that does not exist, and for much else: the text of RFC 5321 for 450 and 550.
pub const PERHAPS_MAILBOX: Phrases = Phrases(
    "mailbox unavailable, mailbox is unavailable, mailbox busy, address rejected, recipient rejected, \
     recipient address, bad recipient, bad destination, recipient unavailable, \
     recipient temporarily unavailable, exceeded storage allocation, does not exist, existiert nicht, \
     n'existe pas",
);

/// Something else is the reason: GMX says "mailbox unavailable", too, before it tells the true one.
pub const OTHER_REASON: Phrases = Phrases("try again, failure, dns, limit");

/// One mail is too large.
pub const SIZE: Phrases = Phrases(
    "message too large, message too big, message is too large, message is too big, \
     message size exceeds, message exceeds, message file too big, maximum message size, \
     max message size, size limit",
);

/// Connections at a time, said so clearly that other words change nothing.
pub const CONNECTIONS_AT_A_TIME: Phrases = Phrases(
    "concurren, simultan, parallel connection, too many connection, too many open connection, \
     too many smtp connection, too many session, too many smtp session, too many open session, \
     connection at a time, connections at a time, session at a time, sessions at a time, \
     trop de connexions, zu viele verbindungen",
);

/// Connections at a time, or in a time.
pub const CONNECTIONS: Phrases = Phrases(
    "connection limit, connections limit, connection rate, connection count, connections per, \
     number of connections, number of smtp connections, maximum connections, max connections, \
     connections exceeded, connections reached, session limit, sessions limit, thread limit, \
     ports are busy",
);

/// Mails in a time. Enough in a 4yz, where nothing but the time is wrong.
pub const RATE: Phrases = Phrases(
    "too many, too much, at a rate, unusual rate, high rate, high volume, unexpected volume, excessive volume, \
     server busy, rate control, trop de, zu viele",
);

/// A limit, of mails unless other words say of what.
pub const LIMIT: Phrases = Phrases(
    "sending limit, relay limit, mail limit, message limit, hour limit, limit exceeded, limit has been exceeded, \
     limit reached, limit has been reached, limit on the number, exceeded the limit, exceeds the limit, \
     exceeded hour, submissionquota, too many mail, too many e mail, too many email, too many message",
);

/// A pause that the relay names.
pub const PAUSE: Phrases = Phrases("again in, again after, retry in, retry after, back in");

/// The relay is out of order.
pub const FAULT: Phrases = Phrases("error, fail, problem, load, maintenance, unavailable");

/// Mails in a time, said so clearly that a 5yz means it, too.
pub const RATE_PER_TIME: Phrases = Phrases(
    "rate limit, ratelimit, rate exceeded, rate has been exceeded, rate has exceeded, rate too high, \
     sending rate, message rate, submission rate, throttl, per second, per minute, per hour, \
     hourly, this hour, last hour, slow down, too quickly, too fast, too frequent, too often, trop rapide, zu schnell",
);

/// The period of mails in a time, if `TOO_MANY` or `SENDING` stands with it. Alone, it may be a pause.
pub const IN_A_TIME: Phrases = Phrases("short time, short period, short amount of time, an hour");

/// That mails were sent.
pub const SENDING: Phrases = Phrases("sending, you sent, have sent, has sent, submi");

/// A limit that lasts for longer than it is worth waiting at a lower pace.
pub const LONG_QUOTA: Phrases = Phrases(
    "quota, daily, per day, a day, this day, today, 24 hour, 24 hr, 24h, monthly, per month, credits",
);

/// The period of a limit that is over soon.
pub const SHORT_PERIOD: Phrases = Phrases("second, minute, per hour, an hour, hourly, this hour, last hour");

/// Too many mails of a kind that no pace mends: to dead addresses, or unwanted ones. It is about us, although it speaks of
/// invalid recipients.
pub const BAD_MAILS: Phrases = Phrases(
    "too many invalid, too many unknown, too many bad, too many non existent, too many nonexistent, \
     maximum invalid, maximum unknown, number of invalid, number of unknown, \
     too many spam, too much spam, too many complaints, too many bounces",
);

/// One connection. With `TOO_MANY`, how much it takes, of whatever it is.
pub const PER_CONNECTION: Phrases = Phrases(
    "per connection, per session, per smtp connection, per smtp session, par connexion, par session, pro verbindung, pro sitzung",
);

/// One connection. With `MAILS` and `TOO_MANY`, how many mails it takes.
pub const THIS_CONNECTION: Phrases = Phrases(
    "this connection, this session, this smtp connection, this smtp session, one connection, one session, single connection, single session, \
     same connection, same session, cette connexion, cette session, dieser verbindung, dieser sitzung",
);

/// What a connection takes some of.
pub const MAILS: Phrases = Phrases("mail, message, recipient, transaction, nachricht");

/// More than is allowed.
pub const TOO_MANY: Phrases = Phrases(
    "too many, too much, limit, maximum, max, exceed, number of, no more, more than, trop de, zu viele",
);

/// The end of this connection for other reasons.
pub const CONNECTION_ENDED: Phrases = Phrases(
    "too many error, too many unrecognized, too many syntax, too many failed, too many nonmail, too many non mail, too many protocol, \
     too many hops, timeout, timed out, time out, idle, inactivity",
);

/// The relay is out of order, or objects to something else than the pace. Against codes that mean the pace otherwise.
pub const NOT_PACE: Phrases = Phrases(
    "error, fail, problem, lookup, insufficient, disk, storage, space, memory, unavailable, \
     not available, not active, shut, maintenance, going down, restart, authenticat, password, \
     credential, log in, login, tls, ssl, certificate, whitelist, reputation, spam, suspicious, block, \
     blacklist, dmarc, dkim, spf, ptr, reverse dns, policy, denied, rejected, refused, abuse",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::email::smtp::reply::words_of::words_of;

    #[test]
    fn phrases_are_written_as_words_are() {
        for phrases in [
            GREYLISTING,
            OTHER_REASON,
            SENDER,
            RELAYING,
            HELO_NAME,
            HOST,
            BLOCKED,
            BLOCKLIST_HOSTS,
            MAILBOX,
            MAILBOX_STATE,
            PERHAPS_MAILBOX,
            SIZE,
            BAD_MAILS,
            CONNECTIONS_AT_A_TIME,
            CONNECTIONS,
            LOGIN,
            ACCOUNT,
            RATE,
            LIMIT,
            PAUSE,
            FAULT,
            RATE_PER_TIME,
            IN_A_TIME,
            SENDING,
            LONG_QUOTA,
            SHORT_PERIOD,
            PER_CONNECTION,
            THIS_CONNECTION,
            MAILS,
            TOO_MANY,
            CONNECTION_ENDED,
            NOT_PACE,
        ] {
            for phrase in phrases.0.split(", ") {
                assert_eq!(words_of(phrase), phrase);
            }
        }
    }
}
