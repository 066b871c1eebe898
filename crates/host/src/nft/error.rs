//! Why nf_tables could not be opened, read or changed.

use std::{error::Error, fmt, io};

/// Why nf_tables cannot be used at all.
#[derive(Debug)]
pub enum OpenError {
    /// The process lacks `CAP_NET_ADMIN` in the user namespace of its network.
    NoRights,
    /// The kernel has no nf_tables, and no module of it either.
    NoNfTables,
    /// The kernel has no netlink for netfilter, and no module of it either.
    NoNetfilter(io::Error),
    /// The socket failed.
    Io(io::Error),
}

impl OpenError {
    /// What the operator can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoRights => Some("run it as root, or give it CAP_NET_ADMIN"),
            Self::NoNfTables => {
                Some("use a kernel with CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET, or load nf_tables")
            }
            Self::NoNetfilter(_) => Some("use a kernel with CONFIG_NETFILTER_NETLINK, or load nfnetlink"),
            Self::Io(_) => None,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRights => "no right to read or change packet rules",
            Self::NoNfTables => "the kernel has no nf_tables",
            Self::NoNetfilter(_) => "the kernel has no netlink for netfilter",
            Self::Io(_) => "the netlink socket failed",
        })
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoRights | Self::NoNfTables => None,
            Self::NoNetfilter(source) | Self::Io(source) => Some(source),
        }
    }
}

/// Why something could not be read.
#[derive(Debug)]
pub enum NftError {
    /// The socket failed.
    Io(io::Error),
    /// The kernel refused to list something.
    Kernel {
        /// What was asked for.
        what: String,
        /// Its error number.
        source: io::Error,
    },
    /// Somebody changed the rules during every one of many attempts.
    Busy,
}

impl fmt::Display for NftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the netlink socket failed"),
            Self::Kernel { what, .. } => write!(f, "the kernel does not list {what}"),
            Self::Busy => f.write_str("the packet rules change faster than they can be read"),
        }
    }
}

impl Error for NftError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(source) | Self::Kernel { source, .. } => Some(source),
            Self::Busy => None,
        }
    }
}

impl From<io::Error> for NftError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why a change was refused. Nothing of its transaction is in force, but for [`Refused::Lost`].
#[derive(Debug)]
pub enum Refused {
    /// Another process owns the table.
    Owned,
    /// The process lacks `CAP_NET_ADMIN`.
    NoRights,
    /// Somebody changed the rules since the given generation; read again and retry.
    Raced,
    /// The transaction is larger than one datagram may be.
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// What the send buffer admits.
        limit: usize,
    },
    /// A value that the kernel's interface cannot express: a NUL in a name, an attribute above 64 KiB.
    Inexpressible(String),
    /// The kernel refused one operation.
    Kernel {
        /// Which.
        what: String,
        /// Its error number.
        source: io::Error,
        /// What it said beside.
        reason: Option<String>,
    },
    /// The table could not be read before.
    Unread(NftError),
    /// The socket failed before the transaction reached the kernel.
    Io(io::Error),
    /// The kernel's answer was lost: the transaction may be in force; read again.
    Lost(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned => f.write_str("another process owns the table"),
            Self::NoRights => f.write_str("no right to change packet rules"),
            Self::Raced => f.write_str("somebody else changed the packet rules meanwhile"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "the transaction has {bytes} bytes, and the send buffer admits {limit}")
            }
            Self::Inexpressible(what) => write!(f, "{what} cannot be expressed to the kernel"),
            Self::Kernel { what, reason: None, .. } => write!(f, "the kernel refused {what}"),
            Self::Kernel { what, reason: Some(reason), .. } => {
                write!(f, "the kernel refused {what}: {reason}")
            }
            Self::Unread(_) => f.write_str("the packet rules could not be read before their change"),
            Self::Io(_) => f.write_str("the netlink socket failed"),
            Self::Lost(_) => f.write_str("the kernel's answer was lost, and the change may be in force"),
        }
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Kernel { source, .. } | Self::Io(source) | Self::Lost(source) => Some(source),
            Self::Unread(source) => Some(source),
            _ => None,
        }
    }
}

impl Refused {
    /// What the operator can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Owned => Some("a gate that runs has it; --state names its state folder"),
            Self::NoRights => Some("run it as root, or give it CAP_NET_ADMIN"),
            Self::TooLarge { .. } => Some("raise net.core.wmem_max"),
            _ => None,
        }
    }
}

impl From<NftError> for Refused {
    fn from(error: NftError) -> Self {
        Self::Unread(error)
    }
}
