//! Other firewalls and the engine of containers, each running inside one host and a mount namespace of its own.
//!
//! Their settings are copies that go away with the value; the machine's own files and its network are not touched.
//! They need root and their Debian packages.

mod docker;
mod firewalld;
mod place;
mod ufw;

pub use docker::Docker;
pub use firewalld::Firewalld;
pub use ufw::Ufw;
