//! What is refused on the way to an application, and what an application refuses. All else that goes wrong is a broken
//! connection.

use std::fmt;
use std::io;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its body comes in chunks, and is larger than what is gathered to learn its length.
    LengthRequired,
    /// A field or the path does not fit into one record.
    LongVariable,
    /// The application has no room for it, and has not begun it.
    Overloaded,
}

impl Refused {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::LengthRequired => 411,
            Self::LongVariable => 431,
            Self::Overloaded => 503,
        }
    }

    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::LengthRequired => "fastcgi-length-required",
            Self::LongVariable => "fastcgi-long-variable",
            Self::Overloaded => "fastcgi-overloaded",
        }
    }

    /// What is refused, where that is what went wrong with a connection.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LengthRequired => "the request's body comes in chunks and is too long to be gathered",
            Self::LongVariable => "a field or the path does not fit into a record of FastCGI",
            Self::Overloaded => "the application says that it is overloaded",
        })
    }
}

impl std::error::Error for Refused {}
