//! System calls that only somebody else's code would make here. They end the process at once with SIGSYS: the kernel's log
//! names the call, and what sent the code has no second try.

use super::{Call, SOCKET_TYPE, Test, bits, socket_options};
use libc::{AF_INET, AF_INET6, AF_UNIX, SOCK_RAW, SOL_SOCKET};

/// With whatever arguments.
const ALWAYS: &[&[i64]] = &[
    // Another program, another process.
    &[libc::SYS_execve, libc::SYS_execveat],
    // The memory, the descriptors and the state of other processes.
    &[libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise],
    &[libc::SYS_kcmp, libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal],
    // Other views of the file system.
    &[libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_mount_setattr],
    &[libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount],
    &[libc::SYS_fspick, libc::SYS_unshare, libc::SYS_setns],
    // Files without their path.
    &[libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at],
    // Other rights.
    &[libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid],
    &[libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset],
    &[libc::SYS_personality],
    // Wide doors of the kernel.
    &[libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_fanotify_init],
    &[libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register],
    &[libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key],
    // Code without a file.
    &[libc::SYS_memfd_create, libc::SYS_memfd_secret],
    // The machine.
    &[libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load],
    &[
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_acct,
        libc::SYS_syslog,
        libc::SYS_quotactl,
    ],
    &[libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex],
    &[libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_vhangup],
];

/// What x86-64 has beside them.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Programs attached to a socket, and protocols stacked upon one: nothing of ours uses them, and both have been ways
/// into the kernel for users without rights.
const SOCKET_OPTIONS: &[(i32, i32)] = &[
    (SOL_SOCKET, libc::SO_ATTACH_FILTER),
    (SOL_SOCKET, libc::SO_ATTACH_BPF),
    (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF),
    (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_EBPF),
    (SOL_SOCKET, libc::SO_LOCK_FILTER),
    (libc::SOL_TCP, libc::TCP_ULP),
];

pub(super) fn table() -> Vec<Call> {
    let mut calls: Vec<Call> =
        ALWAYS.iter().copied().flatten().chain(OLDER).map(|&number| Call::always(number)).collect();
    calls.extend([
        // A process and not a thread.
        Call::when(libc::SYS_clone, vec![vec![Test::has(0, bits(libc::CLONE_THREAD), 0)]]),
        Call::when(libc::SYS_socket, sockets()),
        Call::when(libc::SYS_setsockopt, socket_options(SOCKET_OPTIONS)),
        Call::with(libc::SYS_ioctl, 1, &[libc::TIOCSTI, libc::TIOCLINUX]),
    ]);
    calls
}

/// Every family but the three that are needed (netlink, packet, alg, vsock, ...), and raw sockets of those.
fn sockets() -> Vec<Vec<Test>> {
    let known = [AF_INET, AF_INET6, AF_UNIX];
    let others = known.iter().map(|&family| Test::is_not(0, bits(family))).collect();
    vec![others, vec![Test::has(1, SOCKET_TYPE, bits(SOCK_RAW))]]
}
