//! Why a report is not taken, and what the provider is told. After 503 each of them posts again for a while. After 4xx SNS does not, so what
//! may be right at another time is never answered with it.

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};

use crate::bounces::providers::Malformed;

/// Why a report is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("its user name and password are missing or wrong")]
    Unauthorized,
    #[error("its signature is missing or wrong")]
    Forged,
    #[error("its signature is too old, or of a time to come")]
    Old,
    #[error("it has a signature of another request")]
    Replayed,
    #[error("its topic is none of WEBHOOK_SES_TOPICS")]
    ForeignTopic,
    #[error("the address of SNS cannot be opened")]
    NoCertificate,
    #[error("it is not what the provider posts")]
    Malformed,
    #[error("it is longer than 1 MiB")]
    TooLong,
    #[error("there are too many")]
    TooMany,
    #[error("the database does not answer")]
    Unavailable,
    #[error("it took too long")]
    Late,
    #[error("the outcome of its mail is not recorded yet")]
    NotYet,
}

impl Refusal {
    /// Whether it is wrong itself: posting it again does not help.
    pub(super) fn is_of_the_request(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Late | Self::NotYet | Self::NoCertificate)
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forged | Self::Old | Self::Replayed | Self::ForeignTopic => StatusCode::FORBIDDEN,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany | Self::Unavailable | Self::Late | Self::NotYet | Self::NoCertificate => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = (self.status(), format!("not taken: {self}\n"));
        match status {
            StatusCode::UNAUTHORIZED => {
                (status, [(WWW_AUTHENTICATE, "Basic realm=\"fanmail\"")], text).into_response()
            }
            StatusCode::SERVICE_UNAVAILABLE => (status, [(RETRY_AFTER, "60")], text).into_response(),
            _ => (status, text).into_response(),
        }
    }
}
