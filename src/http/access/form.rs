//! Forms of pages that change something. Each is made for one session, one path and one moment, so that no foreign page can post one, and
//! so that one which is posted twice can be told. What they change is left to their pages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use serde::Serialize;

use crate::http::access::Access;
use crate::http::access::session::{Session, is_of_own_page};

/// How long a form may be open: what it says may not hold any more.
const LASTS: Duration = Duration::from_secs(3600);

/// What a form has in hidden fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormSeal {
    /// When it was made, in milliseconds since 1970.
    pub made: String,
    /// Authenticates that, the session and the path; no two forms have the same, unless they were made in one millisecond.
    pub seal: String,
}

/// Why a form is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormRefusal {
    /// The browser does not say that a page of this server has posted it.
    Foreign,
    /// It was made for another session or another path, or was changed.
    NotSealed,
    /// It was open for too long.
    Old,
}

impl FormRefusal {
    /// For the person who has pressed the button.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Foreign => {
                "Your browser says that another site has sent this form, or does not say which one has. Use the button of this page. If you \
                 did, a proxy in front of fanmail changes the headers Host, Origin or Sec-Fetch-Site: let it pass them on."
            }
            Self::NotSealed => {
                "This form was not made for you: you have signed in anew since it was opened, or its token (HTTP_TOKEN) was changed."
            }
            Self::Old => "This form was open for more than an hour, and what it says may not hold any more.",
        }
    }
}

impl Access {
    /// The hidden fields of a form that this session gets, and that posts to `path`. `None` without a token.
    #[must_use]
    pub fn seal_form(&self, session: &Session, path: &str, now: SystemTime) -> Option<FormSeal> {
        let made = milliseconds(now).to_string();
        let seal = session.seal(&self.tokens, &sealed(path, &made))?;
        Some(FormSeal { made, seal })
    }

    /// Whether a form was made for this session and `path`, not long ago, and was posted by a page of this server.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn check_form(
        &self,
        session: &Session,
        path: &str,
        shown: &FormSeal,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<(), FormRefusal> {
        if !is_of_own_page(headers) {
            return Err(FormRefusal::Foreign);
        }
        let FormSeal { made, seal } = shown;
        let Some(made_at) =
            made.parse().ok().filter(|_| session.has_sealed(&self.tokens, &sealed(path, made), seal))
        else {
            return Err(FormRefusal::NotSealed);
        };
        let age = milliseconds(now).saturating_sub(made_at);
        if u128::from(age) > LASTS.as_millis() { Err(FormRefusal::Old) } else { Ok(()) }
    }
}

/// A path has no blank.
fn sealed(path: &str, made: &str) -> String {
    format!("{path} {made}")
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::http::HttpConfig;
    use crate::config::secret::Secret;
    use crate::hmac::HmacKey;

    #[test]
    fn a_form_is_of_one_session_one_path_and_one_hour() {
        let tokens = vec![Secret::new("0123456789abcdef0123456789abcdef".to_owned())];
        let access = Access::new(&HttpConfig { addr: Some("127.0.0.1:1".parse().unwrap()), tokens });
        let keys = [HmacKey::new(b"0123456789abcdef0123456789abcdef")];
        let now = SystemTime::now();
        let session = Session::begin(&keys, now).unwrap();
        let own: HeaderMap =
            [("sec-fetch-site".parse().unwrap(), "same-origin".parse().unwrap())].into_iter().collect();
        let foreign = HeaderMap::new();
        let form = access.seal_form(&session, "/a", now).unwrap();
        let check = |session: &Session, path, form: &FormSeal, headers, later| {
            access.check_form(session, path, form, headers, now + Duration::from_secs(later))
        };
        assert_eq!(check(&session, "/a", &form, &own, 3600), Ok(()));
        assert_eq!(check(&session, "/a", &form, &own, 3601), Err(FormRefusal::Old));
        assert_eq!(check(&session, "/a", &form, &foreign, 0), Err(FormRefusal::Foreign));
        assert_eq!(check(&session, "/b", &form, &own, 0), Err(FormRefusal::NotSealed));
        let other = Session::begin(&keys, now + Duration::from_secs(1)).unwrap();
        assert_eq!(check(&other, "/a", &form, &own, 0), Err(FormRefusal::NotSealed));
        let later = FormSeal { made: format!("{}0", form.made), ..form.clone() };
        for changed in [
            later,
            FormSeal { made: String::new(), ..form.clone() },
            FormSeal { seal: String::new(), ..form },
        ] {
            assert_eq!(check(&session, "/a", &changed, &own, 0), Err(FormRefusal::NotSealed), "{changed:?}");
        }
    }
}
