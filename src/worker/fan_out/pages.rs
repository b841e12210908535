//! Paging: the recipients of one fan-out, a page at a time, in key order. Which recipients that are depends on the scope of
//! the claim: participants of the notification (`audience`; `listed` where their keys are text), those whom the message names
//! (`given`), or those whose deferral is due
//! (`due`).

use std::sync::Arc;

use crate::domain::audience::Audience;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::audience::AudiencePages;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::Context;
use crate::worker::fan_out::due::DuePages;
use crate::worker::fan_out::given::GivenPages;
use crate::worker::fan_out::listed::ListedPages;
use crate::worker::fan_out::page::Page;

/// The pages of one fan-out, as far as they are read.
#[derive(Debug)]
pub enum Pages {
    /// Of the participants.
    Audience(AudiencePages),
    /// Of the participants whose keys are text.
    Listed(ListedPages),
    /// Of those whom the message names.
    Given(GivenPages),
    /// Of the due deferrals.
    Due(DuePages),
}

impl Pages {
    /// The pages of a claim, from the first one on.
    #[must_use]
    pub fn new(claim: &Claim, context: &Context) -> Self {
        match (claim.scope, claim.notification.audience) {
            (
                Scope::Undecided | Scope::UndecidedAndDeferred | Scope::SetAside,
                Audience::Event { id, up_to },
            ) => Self::Audience(AudiencePages::new(claim, context, id, up_to)),
            (
                Scope::Undecided | Scope::UndecidedAndDeferred | Scope::SetAside,
                Audience::Recipients { id },
            ) => Self::Listed(ListedPages::new(claim, context, id)),
            (Scope::Undecided | Scope::UndecidedAndDeferred | Scope::SetAside, Audience::Given { count }) => {
                Self::Given(GivenPages::new(claim, context, count))
            }
            (Scope::Due, _) => {
                let (notification, held) = (claim.notification, Arc::clone(&claim.held));
                Self::Due(
                    DuePages::new(notification, held, context.page_size).claimed(claim, context.sweep_run),
                )
            }
        }
    }

    /// Whether there is no further page.
    #[must_use]
    pub fn ended(&self) -> bool {
        match self {
            Self::Audience(pages) => pages.ended(),
            Self::Listed(pages) => pages.ended(),
            Self::Given(pages) => pages.ended(),
            Self::Due(pages) => pages.ended(),
        }
    }

    /// What could not be read, and why, if so. The pages have ended then.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        match self {
            Self::Audience(pages) => pages.unreadable(),
            Self::Listed(pages) => pages.unreadable(),
            Self::Given(pages) => pages.unreadable(),
            Self::Due(_) => None,
        }
    }

    /// Whether recipients that were read, and not submitted yet, are to be left to the next run of the sweep.
    #[must_use]
    pub fn are_outdated(&self) -> bool {
        matches!(self, Self::Due(pages) if pages.are_outdated())
    }

    /// The next page.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        match self {
            Self::Audience(pages) => pages.next(store, database_retry),
            Self::Listed(pages) => pages.next(store, database_retry),
            Self::Given(pages) => pages.next(store, database_retry),
            Self::Due(pages) => pages.next(store, database_retry),
        }
    }
}
