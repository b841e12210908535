//! What buttons do, and what they refuse.

use super::*;
use crate::domain::ids::NotificationId;

const OWN_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");
const RETRY: &str = "/notifications/1/retry";

struct Person {
    site: Site,
    cookie: String,
}

impl Person {
    fn sign_in() -> Self {
        let site = Site::new("0.0.0.0:9090", Some(TOKEN));
        let cookie = Self::new_cookie(&site);
        Self { site, cookie }
    }

    fn new_cookie(site: &Site) -> String {
        let (_, headers, _) = site.post("/sign-in", &[], &format!("token={TOKEN}"));
        headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, html) = self.site.get(path, &[(COOKIE.as_str(), &self.cookie)]);
        (status, html)
    }

    /// Where a form leads, and what is there.
    fn press(&self, path: &str, form: &str) -> (u16, String, String) {
        let (status, headers, html) =
            self.site.post(path, &[(COOKIE.as_str(), &self.cookie), OWN_PAGE], form);
        let Some(to) = headers.get(LOCATION) else { return (status, String::new(), html) };
        let to = to.to_str().unwrap().to_owned();
        let (_, html) = self.get(&to);
        (status, to, html)
    }

    /// Status, and failed and deferred mails.
    fn numbers(&self, id: NotificationId) -> [Value; 2] {
        let bearer = format!("Bearer {TOKEN}");
        let (_, _, body) = self.site.get(&format!("/api/notifications/{id}"), &[("authorization", &bearer)]);
        let one: Value = serde_json::from_str(&body).unwrap();
        ["failed", "deferred"].map(|key| one[key].clone())
    }
}

/// The hidden fields of the form on a page.
fn form_of(html: &str) -> String {
    let field = |name: &str| {
        let at = format!("name=\"{name}\" value=\"");
        html.split(&at).nth(1).unwrap_or_else(|| panic!("{html}")).split('"').next().unwrap().to_owned()
    };
    format!("made={}&seal={}", field("made"), field("seal"))
}

#[test]
fn failed_mails_are_tried_again_once_however_often_the_button_is_pressed() {
    let person = Person::sign_in();
    assert!(person.get("/notifications/1").1.contains("href=\"/notifications/1/retry\""));
    let (status, html) = person.get(RETRY);
    for told in [
        "Workers try 1 mail again within ten seconds: 1 failed for a reason that may pass.",
        "1 mail failed for good, and nothing is done",
        "1 person has the mail, and gets no second one.",
        "name=\"permanent_too\" value=\"yes\"",
    ] {
        assert!(status == 200 && html.contains(told), "{told}: {html}");
    }
    let form = form_of(&html);
    let (status, to, html) = person.press(RETRY, &form);
    assert!(html.contains("Workers try 1 mail again within ten seconds."), "{html}");
    assert_eq!((status, to.as_str()), (303, "/actions/1"));
    assert!(html.contains("role=\"status\"") && html.contains("href=\"/notifications/1\""), "{html}");
    assert_eq!(person.numbers(NotificationId(1)), [1, 1]);
    let again = person.press(RETRY, &format!("{form}&permanent_too=yes"));
    assert!(again.1 == to && again.2 == html, "the same form is the same action: {}", again.2);
    assert_eq!(person.numbers(NotificationId(1)), [1, 1]);
    let (_, html) = person.get(RETRY);
    assert!(html.contains("Workers try 1 mail again within ten seconds: 1 is deferred"), "{html}");
    let (_, to, html) = person.press(RETRY, &format!("{}&permanent_too=yes", form_of(&html)));
    assert!(to == "/actions/2" && html.contains("Workers try 1 mail again"), "{html}");
    assert_eq!(person.numbers(NotificationId(1)), [0, 2]);
    let (_, html) = person.get(RETRY);
    let (_, _, html) = person.press(RETRY, &form_of(&html));
    assert!(html.contains("Nothing was changed: notification 1 has no such mail any more."), "{html}");
}

#[test]
fn a_form_that_is_not_accepted_is_explained_and_changes_nothing() {
    let person = Person::sign_in();
    let form = form_of(&person.get(RETRY).1);
    let signed_in = (COOKIE.as_str(), person.cookie.as_str());
    let bearer = format!("Bearer {TOKEN}");
    let old = "made=1795000000000&seal=AAAAAAAAAAAAAAAAAAAAAA";
    for (headers, form, told) in [
        (
            &[("authorization", bearer.as_str()), OWN_PAGE][..],
            form.as_str(),
            "Only people who have signed in",
        ),
        (&[signed_in], form.as_str(), "another site has sent this form"),
        (&[signed_in, ("sec-fetch-site", "cross-site")], form.as_str(), "another site has sent this form"),
        (&[signed_in, ("origin", "http://evil.example")], form.as_str(), "another site has sent this form"),
        (&[signed_in, OWN_PAGE], old, "This form was not made for you"),
        (&[signed_in, OWN_PAGE], "permanent_too=yes", "This form was not made for you"),
    ] {
        let (status, _, html) = person.site.post(RETRY, headers, form);
        assert!(status == 403 && html.contains(told), "{headers:?} {form}: {html}");
        assert!(html.contains("href=\"/"), "it leads back");
    }
    let of_other = person.press("/notifications/2/retry", &form);
    assert!(
        of_other.0 == 403 && of_other.2.contains("go back, and press the button again"),
        "{}",
        of_other.2
    );
    let browser = ("accept", "text/html");
    let (status, headers, _) = person.site.post(RETRY, &[OWN_PAGE, browser], &form);
    let to = headers[LOCATION].to_str().unwrap();
    assert_eq!((status, to), (303, "/sign-in?next=%2Fnotifications%2F1%2Fretry&unsent=yes"));
    let (_, _, html) = person.site.get(to, &[]);
    assert!(html.contains("You are not signed in any more, so nothing was changed."), "{html}");
    assert_eq!(person.site.post(RETRY, &[OWN_PAGE], &form).0, 401, "a program");
    assert_eq!(person.numbers(NotificationId(1)), [2, 0]);
    let (status, html) = person.get("/notifications/2/retry");
    assert!(status == 409 && html.contains("notification 2 is not completed"), "{html}");
}

#[test]
fn there_are_no_buttons_for_others() {
    let site = Site::new("127.0.0.1:9090", None);
    for path in [RETRY, "/dead-letters/replay?id=00000000000000a1", "/actions/1"] {
        let (status, _, html) = site.get(path, &[]);
        assert!(status == 403 && html.contains("Only people who have signed in with HTTP_TOKEN"), "{html}");
    }
    assert!(!site.get("/notifications/1", &[]).2.contains(RETRY));
    let person = Person::sign_in();
    let (status, html) = person.get("/dead-letters/replay?reason=event");
    assert!(status == 503 && html.contains("This worker has no broker"), "{html}");
    let (status, html) = person.get("/dead-letters/replay");
    assert!(status == 400 && html.contains("does not say which dead letters are meant"), "{html}");
    let (status, html) = person.get("/actions/7");
    assert!(status == 404 && html.contains("does not know how it has ended"), "{html}");
}
