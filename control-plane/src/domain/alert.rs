//! Alerts: what operators are told, and how far the telling has come.

/// How bad it is. The numbers stand in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// How far one of the ways to tell it has come. The numbers stand in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nobody is to be told this way.
    NotWanted = 0,
    Waiting = 1,
    Delivered = 2,
    /// It was tried as often as it is.
    GivenUp = 3,
}

/// Something that operators should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    pub level: Level,
    pub kind: &'static str,
    /// Whom it is about. Of one subject, a kind is not told again within `quiet_ms`.
    pub subject: String,
    pub title: String,
    pub text: String,
    /// Milliseconds; 0: it is always told.
    pub quiet_ms: i64,
}

/// An alert that was told, or is still to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub id: i64,
    pub created_at_ms: i64,
    pub level: Level,
    pub kind: String,
    pub subject: String,
    pub title: String,
    pub text: String,
    pub feishu: Delivery,
    pub webhook: Delivery,
    /// Deliveries that were begun.
    pub tries: i64,
    /// When it is tried next; 0: nothing is left to do.
    pub next_try_at_ms: i64,
}

impl Level {
    pub const NAMES: [&'static str; 3] = ["info", "warn", "error"];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.name() == name)
    }

    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.number() == number)
    }
}

impl Delivery {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWanted => "off",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        [
            Self::NotWanted,
            Self::Waiting,
            Self::Delivered,
            Self::GivenUp,
        ]
        .into_iter()
        .find(|it| it.number() == number)
    }
}
