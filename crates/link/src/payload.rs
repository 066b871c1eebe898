//! Values that are too large for a packet: sealed memory that comes with it as a descriptor.

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
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

/// The bytes of such memory, at most so many.
///
/// Only sealed memory is read: a pipe would keep whoever reads it waiting, and a file could change meanwhile.
pub(crate) fn read(memory: OwnedFd, most: usize) -> io::Result<Vec<u8>> {
    let refused = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
    let seals = match rustix::fs::fcntl_get_seals(memory.as_fd()) {
        Ok(seals) => seals,
        Err(Errno::INVAL) => return Err(refused("what came is no memory")),
        Err(error) => return Err(error.into()),
    };
    if !seals.contains(SEALS) {
        return Err(refused("the memory is not sealed"));
    }
    let file = File::from(memory);
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > most {
        return Err(refused("it is larger than any message"));
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_memory_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        assert_eq!(read(sealed(&bytes).unwrap(), 1 << 20).unwrap(), bytes);
    }

    #[test]
    fn nobody_can_change_it() {
        let memory = sealed(b"x").unwrap();
        assert!(rustix::io::write(&memory, b"y").is_err());
        assert!(rustix::fs::ftruncate(&memory, 0).is_err());
    }

    #[test]
    fn nothing_else_is_read() {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(read(reader, 10).unwrap_err().to_string(), "what came is no memory");
        let unsealed = rustix::fs::memfd_create("x", MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(read(unsealed, 10).unwrap_err().to_string(), "the memory is not sealed");
        let large = sealed(&[0; 11]).unwrap();
        assert_eq!(read(large, 10).unwrap_err().to_string(), "it is larger than any message");
    }
}
