//! Host names as the gate compares them: one canonical form for `Host`, SNI, certificates and the file.
/// A host pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern;
