//! From a host to what answers there, by hash.

use super::pattern::{HostPattern, parent};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A value for each host pattern; the most specific one is found: a name, then a wildcard, then any host.
///
/// The keys come from the configuration, so nobody outside can choose them to collide.
#[derive(Clone, Debug)]
pub struct HostTable<T> {
    exact: HashMap<Box<str>, T, RandomState>,
    wildcards: HashMap<Box<str>, T, RandomState>,
    any: Option<T>,
}

impl<T> Default for HostTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> HostTable<T> {
    /// A table without hosts.
    #[must_use]
    pub fn new() -> Self {
        Self { exact: HashMap::default(), wildcards: HashMap::default(), any: None }
    }

    /// Sets the value of a pattern, or of any host; gives back the one it had.
    pub fn insert(&mut self, pattern: Option<&HostPattern>, value: T) -> Option<T> {
        match pattern {
            Some(HostPattern::Exact(name)) => self.exact.insert(name.as_str().into(), value),
            Some(HostPattern::Wildcard(base)) => self.wildcards.insert(base.as_str().into(), value),
            None => self.any.replace(value),
        }
    }

    /// The value of the most specific pattern that covers a host in canonical form.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<&T> {
        if let Some(value) = self.exact.get(host) {
            return Some(value);
        }
        let wildcard = if self.wildcards.is_empty() { None } else { parent(host) };
        wildcard.and_then(|base| self.wildcards.get(base)).or(self.any.as_ref())
    }

    /// The value of exactly this pattern.
    pub fn get_mut(&mut self, pattern: Option<&HostPattern>) -> Option<&mut T> {
        match pattern {
            Some(HostPattern::Exact(name)) => self.exact.get_mut(name.as_str()),
            Some(HostPattern::Wildcard(base)) => self.wildcards.get_mut(base.as_str()),
            None => self.any.as_mut(),
        }
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcards.is_empty() && self.any.is_none()
    }
}
