//! Mails that come back.

/// A delivery status notification to this envelope sender.
pub fn dsn(sender: &str, status: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.com\r\nTo: {sender}\r\nSubject: Undelivered\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n\
         Final-Recipient: rfc822; whoever@example.com\r\nAction: failed\r\nStatus: {status}\r\n--b--\r\n"
    )
}
