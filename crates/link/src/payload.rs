//! Values that are too large for a packet: sealed memory that comes with it as a descriptor.

use rustix::fs::{MemfdFlags, SealFlags};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// What whoever receives a payload can rely on: nobody changes it any more (memfd_create(2), fcntl(2)).
const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Bytes in memory that can be handed over and not be changed afterwards.
pub(crate) fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("portcullis", flags)?);
    file.write_all(bytes)?;
    rustix::fs::fcntl_add_seals(&file, SEALS)?;
    Ok(file.into())
}

/// The bytes of memory that the keeper made. It fails where there are more than `most`, or it shrinks meanwhile.
pub(crate) fn read_memory(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than any message"));
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn sealed_memory_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        assert_eq!(read_memory(&File::from(sealed(&bytes).unwrap()), 1 << 20).unwrap(), bytes);
    }

    #[test]
    fn nobody_can_change_it() {
        let memory = sealed(b"x").unwrap();
        assert!(rustix::io::write(&memory, b"y").is_err());
        assert!(rustix::fs::ftruncate(&memory, 0).is_err());
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let large = File::from(sealed(&[0; 11]).unwrap());
        assert_eq!(read_memory(&large, 10).unwrap_err().to_string(), "it is larger than any message");
    }
}
