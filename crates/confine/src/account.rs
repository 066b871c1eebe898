//! Whom a confined process becomes: never root.

use rustix::fs::{Gid, Uid};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};
use std::io::Read;

/// Where accounts of the machine are written. Those of a directory service are not asked for: that would load code of
/// others into a privileged process.
const ACCOUNTS: &str = "/etc/passwd";
/// More than this is not read of it.
const LARGEST: u64 = 4 << 20;

/// A user and its group, neither of them root nor the number that means "leave it as it is".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct Account {
    uid: u32,
    gid: u32,
}

/// An account as it is written.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "Account", deny_unknown_fields)]
struct Numbers {
    uid: u32,
    gid: u32,
}

/// The numbers are those of root, or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAccount {
    uid: u32,
    gid: u32,
}

impl Account {
    /// # Errors
    /// Root's user or group (0), or the reserved number 4294967295, which `setresuid(2)` takes for "unchanged".
    pub fn new(uid: u32, gid: u32) -> Result<Self, NotAnAccount> {
        let usable = |id: u32| id != 0 && id != u32::MAX;
        if usable(uid) && usable(gid) { Ok(Self { uid, gid }) } else { Err(NotAnAccount { uid, gid }) }
    }

    /// The user's number.
    #[must_use]
    pub fn uid(self) -> u32 {
        self.uid
    }

    /// The number of its only group.
    #[must_use]
    pub fn gid(self) -> u32 {
        self.gid
    }

    pub(crate) fn user(self) -> Uid {
        Uid::from_raw(self.uid)
    }

    pub(crate) fn group(self) -> Gid {
        Gid::from_raw(self.gid)
    }
}

impl TryFrom<Numbers> for Account {
    type Error = NotAnAccount;

    fn try_from(numbers: Numbers) -> Result<Self, NotAnAccount> {
        Self::new(numbers.uid, numbers.gid)
    }
}

impl From<Account> for Numbers {
    fn from(account: Account) -> Self {
        Self { uid: account.uid, gid: account.gid }
    }
}

impl Display for NotAnAccount {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "user {} with group {} is root's or reserved", self.uid, self.gid)
    }
}

impl std::error::Error for NotAnAccount {}

/// The account of this name in `/etc/passwd`; none where it is absent, root's, or written wrongly.
#[must_use]
pub fn account(name: &str) -> Option<Account> {
    let mut text = Vec::new();
    std::fs::File::open(ACCOUNTS).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
    find(&String::from_utf8_lossy(&text), name)
}

/// passwd(5): `name:password:UID:GID:comment:folder:shell`. The first line of a name counts, as for the C library.
fn find(text: &str, name: &str) -> Option<Account> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Account::new(uid, gid).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_name_of_an_ordinary_user_is_an_account() {
        let text = "root:x:0:0::/root:/bin/sh\nportcullis:x:998:997::/:/bin/false\nshort:x:5\nodd:x:-1:7::/:\nadmin:x:12:0::/:\n";
        for (name, expected) in [
            ("portcullis", Some((998, 997))),
            ("port", None),
            ("root", None),
            ("admin", None),
            ("short", None),
            ("odd", None),
            ("absent", None),
            ("", None),
        ] {
            let found = find(text, name).map(|account| (account.uid(), account.gid()));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn root_is_no_account_in_json_either() {
        let read = |text| serde_json::from_str::<Account>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"uid":998,"gid":997}"#), Ok(Account { uid: 998, gid: 997 }));
        for text in [r#"{"uid":0,"gid":5}"#, r#"{"uid":5,"gid":0}"#, r#"{"uid":4294967295,"gid":5}"#] {
            assert!(read(text).is_err_and(|error| error.contains("is root's or reserved")), "{text}");
        }
    }
}
