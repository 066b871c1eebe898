//! The files of another firewall. They are read and never written.

use super::Other;
use firewall::adopt::{FirewalldFiles, Imported, Named, RulesFile, UfwFiles, firewalld, ufw};
use firewall::foreign::Published;
use firewall::observed::Observed;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A configuration of a person; something larger is another file.
const MAX_BYTES: u64 = 4 << 20;

/// Which firewall has rules below a root. Of two it is the one that is in the kernel, then the one that is to be, then
/// the one that somebody told something: a package that is only installed brings files, too.
pub(super) fn find(root: &Path, is_on: impl Fn(Other) -> bool) -> Option<Other> {
    let files = [(Other::Ufw, "etc/ufw/user.rules"), (Other::Firewalld, "etc/firewalld/firewalld.conf")];
    let there = files.into_iter().filter(|(_, file)| root.join(file).exists()).map(|(other, _)| other);
    let weight = |other: &Other| match other {
        other if is_on(*other) => 4,
        Other::Ufw if ufw_is_enabled(root) => 3,
        other if was_told(*other, root) => 2,
        Other::Firewalld => 1,
        Other::Ufw => 0,
    };
    there.max_by_key(weight)
}

/// Whether it has rules of an administrator.
fn was_told(other: Other, root: &Path) -> bool {
    match other {
        Other::Ufw => {
            let rules = fs::read_to_string(root.join("etc/ufw/user.rules")).unwrap_or_default();
            rules.lines().any(|line| line.starts_with("### tuple ###"))
        }
        Other::Firewalld => {
            let zones = fs::read_dir(root.join("etc/firewalld/zones"));
            zones.is_ok_and(|mut zones| zones.next().is_some())
        }
    }
}

fn ufw_is_enabled(root: &Path) -> bool {
    let settings = fs::read_to_string(root.join("etc/ufw/ufw.conf")).unwrap_or_default();
    settings.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes"))
}

/// The texts, by their paths below the root.
pub(super) struct Files {
    other: Other,
    texts: BTreeMap<PathBuf, String>,
}

const UFW: [&str; 8] = [
    "etc/ufw/user.rules",
    "etc/ufw/user6.rules",
    "etc/default/ufw",
    "etc/ufw/ufw.conf",
    "etc/ufw/before.rules",
    "etc/ufw/before6.rules",
    "etc/ufw/after.rules",
    "etc/ufw/after6.rules",
];
const EDITED: [&str; 4] = ["before.rules", "before6.rules", "after.rules", "after6.rules"];
const PACKAGED: &str = "usr/share/ufw/iptables";
/// Folders of firewalld: those of the administrator come after those of the package, and win.
const KINDS: [&str; 4] = ["zones", "services", "ipsets", "policies"];
const FOLDERS: [&str; 2] = ["usr/lib/firewalld", "etc/firewalld"];

impl Files {
    /// Reads what there is.
    pub(super) fn read(root: &Path, other: Other) -> Self {
        let mut texts = BTreeMap::new();
        let mut take = |path: PathBuf| {
            let small =
                fs::metadata(root.join(&path)).is_ok_and(|facts| facts.is_file() && facts.len() <= MAX_BYTES);
            if let (true, Ok(text)) = (small, fs::read_to_string(root.join(&path))) {
                texts.insert(path, text);
            }
        };
        match other {
            Other::Ufw => {
                UFW.iter().for_each(|path| take(PathBuf::from(path)));
                EDITED.iter().for_each(|name| take(Path::new(PACKAGED).join(name)));
            }
            Other::Firewalld => {
                take("etc/firewalld/firewalld.conf".into());
                take("etc/firewalld/direct.xml".into());
                for folder in FOLDERS.iter().flat_map(|folder| KINDS.map(|kind| Path::new(folder).join(kind)))
                {
                    let entries = fs::read_dir(root.join(&folder)).into_iter().flatten().flatten();
                    let names = entries.map(|entry| PathBuf::from(entry.file_name()));
                    let named = names.filter(|name| name.extension().is_some_and(|end| end == "xml"));
                    named.for_each(|name| take(folder.join(name)));
                }
            }
        }
        Self { other, texts }
    }

    /// The paths that were read.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.texts.keys().map(|path| Path::new("/").join(path))
    }

    /// Their rules.
    pub(super) fn import(&self, observed: &Observed, published: &[Published]) -> Imported {
        match self.other {
            Other::Ufw => self.of_ufw(observed, published),
            Other::Firewalld => self.of_firewalld(observed),
        }
    }

    fn text(&self, path: &str) -> &str {
        self.texts.get(Path::new(path)).map_or("", String::as_str)
    }

    fn of_ufw(&self, observed: &Observed, published: &[Published]) -> Imported {
        let file = |name: &&'static str| {
            let packaged = self.texts.get(&Path::new(PACKAGED).join(name)).map(String::as_str);
            let text = self.texts.get(&Path::new("etc/ufw").join(name))?;
            Some(RulesFile { name, text, packaged })
        };
        ufw(&UfwFiles {
            user_rules: self.text(UFW[0]),
            user6_rules: self.text(UFW[1]),
            default_ufw: self.text(UFW[2]),
            ufw_conf: self.text(UFW[3]),
            rules: EDITED.iter().filter_map(file).collect(),
            interfaces: observed.interfaces.iter().map(|interface| interface.name.clone()).collect(),
            published: published.to_vec(),
        })
    }

    fn of_firewalld(&self, observed: &Observed) -> Imported {
        firewalld(&FirewalldFiles {
            conf: self.text("etc/firewalld/firewalld.conf"),
            zones: self.kind("zones"),
            services: self.kind("services"),
            ipsets: self.kind("ipsets"),
            policies: self.kind("policies"),
            direct: self.texts.get(Path::new("etc/firewalld/direct.xml")).map(String::as_str),
            interfaces: observed.interfaces.iter().map(|interface| interface.name.clone()).collect(),
        })
    }

    /// The files of a kind by name; those of the administrator in place of the package's. Of policies only the former
    /// count, because the package's are examples that nothing uses.
    fn kind(&self, kind: &str) -> Vec<Named<'_>> {
        let mut found = BTreeMap::new();
        let folders = if kind == "policies" { &FOLDERS[1..] } else { &FOLDERS[..] };
        for folder in folders.iter().map(|folder| Path::new(folder).join(kind)) {
            for (path, text) in self.texts.iter().filter(|(path, _)| path.parent() == Some(&folder)) {
                if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
                    found.insert(name, text.as_str());
                }
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Folder;

    const fn off(_: Other) -> bool {
        false
    }

    #[test]
    fn a_machine_without_another_firewall_has_nothing_to_take_over() {
        assert_eq!(find(Folder::new().path(), off), None);
    }

    #[test]
    fn rules_of_ufw_are_found_and_read() {
        let folder = Folder::new();
        folder.write("etc/ufw/user.rules", "### tuple ### allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n");
        folder.write("etc/ufw/ufw.conf", "ENABLED=yes\n");
        folder.write(
            "etc/default/ufw",
            "IPV6=no\nDEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_OUTPUT_POLICY=\"ACCEPT\"\n",
        );
        let other = find(folder.path(), off).expect("ufw");
        let files = Files::read(folder.path(), other);
        let imported = files.import(&Observed::default(), &[]);
        assert_eq!((other, imported.rules.len(), files.paths().count()), (Other::Ufw, 1, 3));
    }

    #[test]
    fn of_two_the_one_that_is_switched_on_is_meant() {
        let folder = Folder::new();
        folder.write("etc/ufw/user.rules", "");
        folder.write("etc/ufw/ufw.conf", "# set to yes\nENABLED=no\n");
        assert_eq!(find(folder.path(), off), Some(Other::Ufw));
        folder.write("etc/firewalld/firewalld.conf", "DefaultZone=public\n");
        assert_eq!(find(folder.path(), off), Some(Other::Firewalld));
        folder.write("etc/ufw/ufw.conf", "ENABLED=yes\n");
        assert_eq!(find(folder.path(), off), Some(Other::Ufw));
        folder.write("etc/ufw/ufw.conf", "ENABLED=no\n");
        folder.write("etc/ufw/user.rules", "### tuple ### allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in\n");
        assert_eq!(find(folder.path(), off), Some(Other::Ufw));
        let runs = |other| other == Other::Firewalld;
        assert_eq!(find(folder.path(), runs), Some(Other::Firewalld));
    }

    #[test]
    fn the_administrators_file_of_firewalld_wins() {
        let folder = Folder::new();
        folder.write("etc/firewalld/firewalld.conf", "DefaultZone=public\n");
        folder.write("usr/lib/firewalld/zones/public.xml", "<zone/>");
        folder.write("etc/firewalld/zones/public.xml", "<zone><port port=\"80\" protocol=\"tcp\"/></zone>");
        let other = find(folder.path(), off).expect("firewalld");
        let files = Files::read(folder.path(), other);
        let zones = files.kind("zones");
        assert_eq!((other, zones.len()), (Other::Firewalld, 1));
        assert!(zones[0].1.contains("80"));
    }
}
