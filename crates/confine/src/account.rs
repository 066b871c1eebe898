//! Whom a confined process becomes: never root.

use rustix::fs::{Gid, Uid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::io::Read;

/// Where accounts of the machine are written. Those of a directory service are not asked for: that would load code of
/// others into a privileged process.
const ACCOUNTS: &str = "/etc/passwd";
/// Where it is written who is in which group beyond the own one.
const GROUPS: &str = "/etc/group";
/// Groups beyond the own one at most.
const MOST_GROUPS: usize = 32;
/// More than this is not read of a file.
const LARGEST: u64 = 4 << 20;

/// A user, its group and those that it is in besides, none of them root nor the number that means "leave it as it is".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct Account {
    uid: u32,
    gid: u32,
    groups: BTreeSet<u32>,
}

/// An account as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename = "Account", deny_unknown_fields)]
struct Numbers {
    uid: u32,
    gid: u32,
    #[serde(default)]
    groups: BTreeSet<u32>,
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
        let groups = BTreeSet::new();
        if usable(uid) && usable(gid) {
            Ok(Self { uid, gid, groups })
        } else {
            Err(NotAnAccount { uid, gid })
        }
    }

    /// The same in further groups: the first 32 of them that are neither root's nor reserved.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        let others = groups.into_iter().filter(|group| usable(*group) && *group != self.gid);
        self.groups = others.take(MOST_GROUPS).collect();
        self
    }

    /// The user's number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of its own group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    pub(crate) fn user(&self) -> Uid {
        Uid::from_raw(self.uid)
    }

    pub(crate) fn group(&self) -> Gid {
        Gid::from_raw(self.gid)
    }

    /// All its groups, the own one first.
    pub(crate) fn all_groups(&self) -> Vec<Gid> {
        std::iter::once(&self.gid).chain(&self.groups).map(|group| Gid::from_raw(*group)).collect()
    }
}

fn usable(id: u32) -> bool {
    id != 0 && id != u32::MAX
}

impl TryFrom<Numbers> for Account {
    type Error = NotAnAccount;

    fn try_from(numbers: Numbers) -> Result<Self, NotAnAccount> {
        Ok(Self::new(numbers.uid, numbers.gid)?.with_groups(numbers.groups))
    }
}

impl From<Account> for Numbers {
    fn from(account: Account) -> Self {
        Self { uid: account.uid, gid: account.gid, groups: account.groups }
    }
}

impl Display for NotAnAccount {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "user {} with group {} is root's or reserved", self.uid, self.gid)
    }
}

impl std::error::Error for NotAnAccount {}

/// The account of this name in `/etc/passwd`, with the groups that `/etc/group` puts it in; none where it is absent,
/// root's, or written wrongly.
#[must_use]
pub fn account(name: &str) -> Option<Account> {
    let account = find(&read(ACCOUNTS)?, name)?;
    // Without that file it is in its own group alone.
    let groups = read(GROUPS).unwrap_or_default();
    Some(account.with_groups(groups_of(&groups, name)))
}

fn read(path: &str) -> Option<String> {
    let mut text = Vec::new();
    std::fs::File::open(path).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// group(5): `name:password:GID:user,user`. A line that is written wrongly gives nothing.
fn groups_of<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = u32> + 'a {
    text.lines().filter_map(move |line| {
        let mut fields = line.split(':').skip(2);
        let group = fields.next()?.parse().ok()?;
        fields.next()?.split(',').any(|member| member.trim() == name).then_some(group)
    })
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
    fn groups_are_those_that_name_the_user_and_never_roots() {
        let text = "root:x:0:portcullis\nwww-data:x:33:other,portcullis\nportcullis:x:997:portcullis\n\
                    adm:x:4:portcullis2\nodd:x:y:portcullis\nshort:x:9\nssl-cert:x:110:portcullis\nlast:x:4294967295:portcullis\n";
        let account = Account::new(998, 997).expect("an account").with_groups(groups_of(text, "portcullis"));
        assert_eq!(account.groups.iter().copied().collect::<Vec<_>>(), [33, 110]);
        assert_eq!(account.clone().with_groups(1..1000).groups.len(), MOST_GROUPS);
        let raw: Vec<u32> = account.all_groups().into_iter().map(Gid::as_raw).collect();
        assert_eq!(raw, [997, 33, 110]);
    }

    #[test]
    fn root_is_no_account_in_json_either() {
        let read = |text| serde_json::from_str::<Account>(text).map_err(|error| error.to_string());
        assert_eq!(
            read(r#"{"uid":998,"gid":997}"#),
            Ok(Account { uid: 998, gid: 997, groups: BTreeSet::new() })
        );
        for text in [r#"{"uid":0,"gid":5}"#, r#"{"uid":5,"gid":0}"#, r#"{"uid":4294967295,"gid":5}"#] {
            assert!(read(text).is_err_and(|error| error.contains("is root's or reserved")), "{text}");
        }
    }
}
