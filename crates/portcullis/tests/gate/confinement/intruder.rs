//! Code of an attacker's in a process: a thread that serves is stopped wherever it is, and made to make system calls.
//!
//! Nothing in the product helps with it, and nothing in the C library stands between: what comes back is what the kernel
//! says to that thread. Needs root, and x86-64 for the registers.

use nix::errno::Errno;
use nix::libc::user_regs_struct;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use testkit::eventually;

/// The instruction that enters the kernel.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// So far beneath the stack pointer that nothing of the thread's is there.
const BENEATH: u64 = 32 << 10;
/// Room for one argument in memory.
const ROOM: u64 = 256;

/// One argument of a system call.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Number(i64),
    /// Where these bytes are.
    At(Vec<u8>),
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::At([text.as_bytes(), b"\0"].concat())
    }
}

impl From<Vec<u8>> for Argument {
    fn from(bytes: Vec<u8>) -> Self {
        Self::At(bytes)
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Returned(i64),
    Refused(Errno),
    /// The process is gone.
    Ended(Signal),
}

/// A thread that obeys the test until the value goes away.
pub(super) struct Intruder {
    thread: Pid,
    /// Its registers as it was found.
    found: user_regs_struct,
    memory: File,
    is_gone: bool,
}

impl Intruder {
    /// Takes over one of the threads that serve.
    pub(super) fn enter(process: u32) -> Self {
        eventually("a thread in the kernel", || Self::try_enter(process))
    }

    fn try_enter(process: u32) -> Option<Self> {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let mut tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
        let task =
            tasks.find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "gate-0\n"))?;
        let thread = Pid::from_raw(task.file_name()?.to_str()?.parse().ok()?);
        ptrace::seize(thread, Options::empty())
            .expect("needs root: to stop a process that nobody may look into");
        ptrace::interrupt(thread).unwrap();
        wait(thread);
        let found = ptrace::getregs(thread).unwrap();
        let memory = File::options().read(true).write(true).open(task.join("mem")).unwrap();
        let intruder = Self { thread, found, memory, is_gone: false };
        let mut instruction = [0; 2];
        intruder.memory.read_exact_at(&mut instruction, found.rip - 2).unwrap();
        (instruction == SYSCALL).then_some(intruder)
    }

    /// Makes a system call (syscall(2) says which argument is in which register).
    pub(super) fn call(&mut self, number: i64, arguments: &[Argument]) -> Outcome {
        let mut values = [0; 6];
        for ((value, argument), place) in values.iter_mut().zip(arguments).zip(0..) {
            *value = match argument {
                Argument::Number(number) => number.cast_unsigned(),
                Argument::At(bytes) => {
                    let address = self.found.rsp - BENEATH + place * ROOM;
                    self.memory.write_all_at(bytes, address).unwrap();
                    address
                }
            };
        }
        let [rdi, rsi, rdx, r10, r8, r9] = values;
        let (rip, rax) = (self.found.rip - 2, number.cast_unsigned());
        // The call in which the thread was found is not made again in the middle of this one.
        let orig_rax = u64::MAX;
        ptrace::setregs(
            self.thread,
            user_regs_struct { rip, rax, orig_rax, rdi, rsi, rdx, r10, r8, r9, ..self.found },
        )
        .unwrap();
        ptrace::step(self.thread, None).unwrap();
        loop {
            match wait(self.thread) {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => break,
                WaitStatus::Stopped(_, signal) => ptrace::cont(self.thread, signal).unwrap(),
                WaitStatus::Signaled(_, signal, _) => {
                    self.is_gone = true;
                    return Outcome::Ended(signal);
                }
                other => panic!("{other:?}"),
            }
        }
        let returned = ptrace::getregs(self.thread).unwrap().rax.cast_signed();
        match i32::try_from(returned) {
            Ok(error @ -4095..0) => Outcome::Refused(Errno::from_raw(-error)),
            _ => Outcome::Returned(returned),
        }
    }
}

impl Drop for Intruder {
    /// Lets the thread go on where it was.
    fn drop(&mut self) {
        if !self.is_gone {
            let _ = ptrace::setregs(self.thread, self.found);
            let _ = ptrace::detach(self.thread, None);
        }
    }
}

fn wait(thread: Pid) -> WaitStatus {
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap()
}
