//! System calls by their number.
#![expect(unsafe_code, reason = "calls that no library makes are tried from within the cage")]

use std::io;

/// The call with these arguments, all of them numbers or null.
pub(crate) fn call(number: i64, arguments: [i64; 6]) -> io::Result<i64> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the callers pass no address but null, so that the kernel writes nothing into this process. A process that
    // is made does nothing but end.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A copy of this process that ends at once.
pub(crate) fn fork() -> io::Result<()> {
    if call(libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0])? == 0 {
        // SAFETY: ends the copy without running anything of this program in it.
        unsafe { libc::_exit(0) }
    }
    Ok(())
}
