//! A network namespace for one test.

use host::nft::Nft;
use rustix::thread::UnshareFlags;
use std::{panic, process::Command, thread};

/// Runs a test in a thread that alone is in a new network namespace. Programs that it starts are in it too.
pub(crate) fn apart<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            #[expect(deprecated, reason = "its danger is with file descriptors, which stay shared here")]
            rustix::thread::unshare(UnshareFlags::NEWNET)
                .expect("this test makes a network namespace and needs CAP_SYS_ADMIN: run it as root");
            test()
        });
        thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

pub(crate) fn open() -> Nft {
    Nft::open().expect("this test needs nf_tables and CAP_NET_ADMIN")
}

/// What a program of this namespace prints; it must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    assert!(output.is_ok(), "this test needs {program}: {output:?}");
    let output = output.expect("just asked");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Feeds rules to `nft`.
pub(crate) fn nft(rules: &str) {
    run("nft", &[rules]);
}
