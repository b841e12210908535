//! Replies about the sender, our account or our host, behind codes and words that otherwise mean a mailbox.

use super::*;

#[test]
fn words_of_a_mailbox_that_mean_us() {
    assert_classes(&[
        (Recipient, "550 Too many invalid recipients", SUSPECT_5YZ),
        (Recipient, "550 5.7.1 Too many unknown users", SUSPECT_5YZ),
        (Recipient, "451 IP temporarily deferred: too many invalid recipients", SUSPECT_4YZ),
        (Connect, "421 Too many spams from your IP", RELAY_FAILURE),
        (Connect, "421 4.7.0 Connection refused due to abuse", RELAY_FAILURE),
        (Recipient, "550 5.1.1 Access denied, blocked by RBL", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 <a@example.com>: Recipient address rejected: spam filter", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 User unknown; see our policy", PERMANENT),
        (Recipient, "550 The sender's domain does not exist", SUSPECT_5YZ),
        (Recipient, "550 Absender existiert nicht", SUSPECT_5YZ),
        (Recipient, "550 5.1.7 Invalid address", SUSPECT_5YZ),
        (Recipient, "550 5.1.8 <e@example.com>: unknown domain", SUSPECT_5YZ),
        (AfterDot, "550 5.7.1 SPF record does not exist", SUSPECT_5YZ),
        (AfterDot, "550 SPF record does not exist", SUSPECT_5YZ),
        (AfterDot, "550 5.7.20 DKIM: domain not found", SUSPECT_5YZ),
        (AfterDot, "451 Message exceeds the rate limit", RATE),
        (Recipient, "450 You have sent too many mails today", SUSPECT_4YZ),
    ]);
}

/// The sender, our account or our login, behind codes and words of a mailbox.
#[test]
fn codes_of_a_mailbox_that_mean_us() {
    assert_classes(&[
        (Recipient, "550 5.1.1 <a@example.com>: sender verify failed", SUSPECT_5YZ),
        (
            Recipient,
            "550-Verification failed for <a@b.c>\n550-No Such User Here\n550 Sender verify failed",
            SUSPECT_5YZ,
        ),
        (Recipient, "550 Callback for sender FROM failed: no such user", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 Callout verification of the sender failed: user unknown", SUSPECT_5YZ),
        (Recipient, "550 5.1.8 sender domain does not exist", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 account suspended", SUSPECT_5YZ),
        (Recipient, "550 5.2.1 This account has been suspended", SUSPECT_5YZ),
        (Recipient, "550 5.2.1 your account has been disabled", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 Outgoing mail from e@example.com has been suspended", SUSPECT_5YZ),
        (Recipient, "550 authentication required", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 authentication required", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 Please log in first", SUSPECT_5YZ),
        (Recipient, "550 5.1.2 Sender Domain Not Found", SUSPECT_5YZ),
        (Recipient, "450 4.1.1 Sender verify failed", SUSPECT_4YZ),
        (Recipient, "550 5.1.1 Your domain does not exist", SUSPECT_5YZ),
        // One mailbox.
        (Recipient, "550 5.2.1 Mailbox disabled: the user has not logged in for a year", PERMANENT),
        (Recipient, "550 5.1.1 User suspended", PERMANENT),
    ]);
}

/// Names of hosts may spell anything.
#[test]
fn names_of_hosts_are_no_words() {
    assert_classes(&[
        (Recipient, "550 5.1.1 outbound-mail-07.example.net: user unknown", PERMANENT),
        (Recipient, "550 5.1.1 outbound-mail-07: user unknown", PERMANENT),
        (Recipient, "550 No such user here [antispam.example.net]", PERMANENT),
        (Recipient, "450 4.1.1 user unknown, said daily-mail.example.net[192.0.2.1]:25", TRANSIENT),
        (Connect, "421 throttling.example.net Service not available", RELAY_FAILURE),
        (AfterDot, "554 see rate-limit.example.com/too-many", SUSPECT_5YZ),
        // A blocklist is often named with little else.
        (Recipient, "550 mailbox unavailable, 192.0.2.1 is in zen.spamhaus.org", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 192.0.2.1 is listed by ix.dnsbl.manitu.net", SUSPECT_5YZ),
    ]);
}

#[test]
fn only_the_domain_of_the_sender_is_ours() {
    assert_classes(&[
        (Recipient, "550 5.1.1 user unknown, ask the administrator of your domain", PERMANENT),
        (Recipient, "550 No such user; contact your domain administrator", PERMANENT),
        (Recipient, "550 5.1.1 Mail from your domain is not accepted", SUSPECT_5YZ),
        (Recipient, "550 5.1.2 No MX record for your domain", SUSPECT_5YZ),
        (Recipient, "550 5.1.1 Your domain example.com does not exist", SUSPECT_5YZ),
    ]);
}
