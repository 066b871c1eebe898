//! The fourth layer: a filter of system calls. Three programs, because each has one answer for what it matches and all
//! of them vote; the sternest answer wins: the process is killed, the call fails, it is allowed.

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
pub(crate) fn filter() -> Result<Layer, EnterError> {
    for (number, program) in programs().map_err(EnterError::Calls)?.iter().enumerate() {
        match seccompiler::apply_filter(program) {
            Ok(()) => {}
            // A kernel without filters knows neither the call nor the older way to ask for it.
            Err(Error::Seccomp(error)) if number == 0 && is_unknown(&error) => {
                let hint = "boot a kernel with CONFIG_SECCOMP_FILTER";
                return Ok(Layer::not_enforced(LayerName::Calls, "not in this kernel", Some(hint)));
            }
            Err(error) => return Err(EnterError::Calls(error)),
        }
    }
    Ok(Layer::enforced(LayerName::Calls))
}

fn is_unknown(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

/// Whether the kernel has filters that can kill a process (Linux 4.14), as far as `/proc` tells.
pub(crate) fn is_supported() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail")
        .is_ok_and(|actions| actions.split_whitespace().any(|action| action == "kill_process"))
}

/// What kills, what does not exist, what is allowed: in this order, because the last one refuses to add another.
fn programs() -> Result<[BpfProgram; 3], Error> {
    let refused = |number: i32| SeccompAction::Errno(number.unsigned_abs());
    let not_there = || NOT_THERE.iter().map(|&call| Call::always(call));
    let mut allowed = allowed::table(std::process::id());
    allowed.extend(not_there());
    Ok([
        compile(hostile::table(), SeccompAction::KillProcess, SeccompAction::Allow)?,
        compile(not_there().collect(), refused(libc::ENOSYS), SeccompAction::Allow)?,
        compile(allowed, SeccompAction::Allow, refused(libc::EPERM))?,
    ])
}

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
    fn the_programs_compile() {
        assert!(programs().is_ok());
    }

    #[test]
    fn what_is_allowed_with_all_arguments_is_never_hostile() {
        let always = allowed::table(1).into_iter().filter(|call| call.when.is_empty()).collect::<Vec<_>>();
        let hostile = hostile::table().into_iter().filter(|call| call.when.is_empty()).collect::<Vec<_>>();
        let both: Vec<_> = numbers(&always).intersection(&numbers(&hostile)).copied().collect();
        assert_eq!(both, Vec::<i64>::new());
    }

    #[test]
    fn no_call_stands_twice_in_a_table() {
        for table in [allowed::table(1), hostile::table()] {
            assert_eq!(numbers(&table).len(), table.len());
        }
    }
}
