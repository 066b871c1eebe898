//! The fourth layer: a filter of system calls. Three tables are asked, one after the other, and the first that knows the
//! call decides: what is needed is allowed, what only an attacker would call ends the process, what shall seem to be an
//! older kernel's does not exist. What no table knows fails.

mod allowed;
mod hostile;

use crate::cage::LayerName;
use crate::enter::EnterError;
use crate::report::Layer;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// What must fail as if the kernel were older, so that the C library takes the way that can be judged: the flags of
/// `clone3` lie in memory, which a filter cannot read; `clone` has them in a register.
const NOT_THERE: &[i64] = &[libc::SYS_clone3];

/// The type of a socket without SOCK_NONBLOCK and SOCK_CLOEXEC.
const SOCKET_TYPE: u64 = 0xf;

/// Puts the filter on the calling thread and those that it starts. Needs no rights beyond no-new-privileges, which comes
/// with it.
pub(crate) fn filter(unix_sockets: bool) -> Result<Layer, EnterError> {
    let program = program(unix_sockets).map_err(EnterError::Calls)?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(Layer::enforced(LayerName::Calls)),
        // A kernel without filters knows neither the call nor the older way to ask for it.
        Err(Error::Seccomp(error)) if is_unknown(&error) && !is_supported() => {
            let hint = "boot a kernel with CONFIG_SECCOMP_FILTER";
            Ok(Layer::not_enforced(LayerName::Calls, "not in this kernel", Some(hint)))
        }
        Err(error) => Err(EnterError::Calls(error)),
    }
}

fn is_unknown(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

/// Whether the kernel has filters that can kill a process (Linux 4.14), as far as `/proc` tells.
pub(crate) fn is_supported() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail")
        .is_ok_and(|actions| actions.split_whitespace().any(|action| action == "kill_process"))
}

/// The tables as one program. The kernel runs each program that is attached for every call it does not know by its number
/// alone, and entering one costs more than what is in it.
fn program(unix_sockets: bool) -> Result<BpfProgram, Error> {
    let refused = |number: i32| SeccompAction::Errno(number.unsigned_abs());
    let not_there = NOT_THERE.iter().map(|&call| Call::always(call)).collect();
    let mut program = compile(allowed::table(std::process::id(), unix_sockets), SeccompAction::Allow, NEXT)?;
    for following in [
        compile(hostile::table(), SeccompAction::KillProcess, NEXT)?,
        compile(not_there, refused(libc::ENOSYS), refused(libc::EPERM))?,
    ] {
        program = followed_by(program, following);
    }
    Ok(program)
}

/// What a table answers that leaves the decision to the next one. It is nobody's answer: where it stayed in the program by
/// mistake it would end the thread and allow nothing.
const NEXT: SeccompAction = SeccompAction::KillThread;

/// One program that goes on with another where it would answer [`NEXT`].
fn followed_by(mut first: BpfProgram, second: BpfProgram) -> BpfProgram {
    let (end, answer) = (first.len(), u32::from(NEXT));
    for (place, instruction) in first.iter_mut().enumerate() {
        if instruction.code == RETURN && instruction.k == answer {
            // Counted from the instruction behind this one. The kernel refuses a program of more than 4096.
            instruction.code = JUMP;
            instruction.k = u32::try_from(end - place - 1).unwrap_or(u32::MAX);
        }
    }
    first.extend(second);
    first
}

/// linux/bpf_common.h: the end of a program with a constant for its answer.
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// A jump without a condition, which unlike others may be far.
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;

fn compile(calls: Vec<Call>, matched: SeccompAction, other: SeccompAction) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in calls {
        let of_this = rules.entry(call.number).or_default();
        for when in call.when {
            let conditions = when.into_iter().map(Test::condition).collect::<Result<Vec<_>, _>>()?;
            of_this.push(SeccompRule::new(conditions)?);
        }
    }
    let target = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, other, matched, target)?.try_into()?)
}

/// A system call, and with which arguments it is meant.
struct Call {
    number: i64,
    /// One of these must hold, all of its tests together. Empty: with any arguments.
    when: Vec<Vec<Test>>,
}

impl Call {
    fn always(number: i64) -> Self {
        Self { number, when: Vec::new() }
    }

    fn when(number: i64, when: Vec<Vec<Test>>) -> Self {
        Self { number, when }
    }

    /// One for each value that the argument may have.
    fn with(number: i64, argument: u8, values: &[u64]) -> Self {
        Self::when(number, values.iter().map(|&value| vec![Test::is(argument, value)]).collect())
    }
}

/// A test of one argument, of its lower 32 bits unless it is said otherwise: the kernel looks at no more of an `int`.
#[derive(Clone)]
struct Test {
    argument: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
}

impl Test {
    fn is(argument: u8, value: u64) -> Self {
        Self { argument, length: SeccompCmpArgLen::Dword, operator: SeccompCmpOp::Eq, value }
    }

    fn is_not(argument: u8, value: u64) -> Self {
        Self { argument, length: SeccompCmpArgLen::Dword, operator: SeccompCmpOp::Ne, value }
    }

    /// The bits of `mask` have exactly this value.
    fn has(argument: u8, mask: u64, value: u64) -> Self {
        Self { argument, length: SeccompCmpArgLen::Dword, operator: SeccompCmpOp::MaskedEq(mask), value }
    }

    /// A pointer, which is null.
    fn is_null(argument: u8) -> Self {
        Self { argument, length: SeccompCmpArgLen::Qword, operator: SeccompCmpOp::Eq, value: 0 }
    }

    fn condition(self) -> Result<SeccompCondition, BackendError> {
        SeccompCondition::new(self.argument, self.length, self.operator, self.value)
    }
}

/// Each of these options of a socket, by level and name.
fn socket_options(options: &[(i32, i32)]) -> Vec<Vec<Test>> {
    let meant = |&(level, name): &(i32, i32)| vec![Test::is(1, bits(level)), Test::is(2, bits(name))];
    options.iter().map(meant).collect()
}

/// A constant of the C library as the kernel sees it in a register.
const fn bits(constant: i32) -> u64 {
    constant.cast_unsigned() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn numbers(calls: &[Call]) -> BTreeSet<i64> {
        calls.iter().map(|call| call.number).collect()
    }

    #[test]
    fn every_table_leaves_what_it_does_not_know_to_the_next() {
        let program = program(true).expect("a program");
        let answers: BTreeSet<u32> =
            program.iter().filter(|one| one.code == RETURN).map(|one| one.k).collect();
        let errno = |number: i32| SeccompAction::Errno(number.unsigned_abs());
        let known =
            [SeccompAction::Allow, SeccompAction::KillProcess, errno(libc::ENOSYS), errno(libc::EPERM)];
        assert_eq!(answers, known.map(u32::from).into());
        assert_eq!(program.last().map(|one| one.k), Some(u32::from(errno(libc::EPERM))));
    }

    /// What every request needs. The kernel remembers what is decided by the number alone and does not run the program.
    #[test]
    fn what_is_called_all_the_time_is_decided_by_its_number() {
        let always: Vec<Call> =
            allowed::table(1, true).into_iter().filter(|call| call.when.is_empty()).collect();
        for call in [
            libc::SYS_epoll_pwait,
            libc::SYS_epoll_ctl,
            libc::SYS_accept4,
            libc::SYS_recvfrom,
            libc::SYS_sendto,
            libc::SYS_recvmsg,
            libc::SYS_sendmsg,
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_splice,
            libc::SYS_futex,
            libc::SYS_clock_gettime,
            libc::SYS_close,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_epoll_wait,
        ] {
            assert!(numbers(&always).contains(&call), "{call}");
        }
    }

    #[test]
    fn a_call_with_the_same_arguments_is_in_one_table() {
        let (allowed, hostile) = (allowed::table(1, true), hostile::table());
        for one in &allowed {
            let Some(other) = hostile.iter().find(|other| other.number == one.number) else { continue };
            // Where both judge arguments, what ends a process and what works is tried in `tests/cage`.
            assert!(!one.when.is_empty() && !other.when.is_empty(), "{}", one.number);
        }
    }

    #[test]
    fn no_call_stands_twice_in_a_table() {
        for table in [allowed::table(1, true), hostile::table()] {
            assert_eq!(numbers(&table).len(), table.len());
        }
    }
}
