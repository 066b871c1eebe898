//! What a process was left open by those that started it.

use nix::errno::Errno;
use std::io;
use std::os::fd::RawFd;

/// The first descriptor that is not standard input, output or error.
const FIRST: RawFd = 3;

/// Closes everything but standard input, output and error: what a shell, a service manager or the parent had open is no
/// way around a cage. To be called first thing in `main`, before anything else is opened.
///
/// # Errors
/// `/proc` does not tell what is open.
pub fn close_inherited() -> io::Result<()> {
    let names = std::fs::read_dir("/proc/self/fd")?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse::<RawFd>().ok());
    for number in numbers.filter(|&number| number >= FIRST) {
        match nix::unistd::close(number) {
            // The folder that was read is closed already.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
