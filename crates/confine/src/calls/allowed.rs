//! The system calls that a gate needs, and no other. Whatever is not here fails with EPERM.

use super::{Call, SOCKET_TYPE, Test, bits, socket_options};
use libc::{AF_INET, AF_INET6, AF_UNIX, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM};

/// With whatever arguments. Each line has one use. What every request needs stands here: the kernel remembers these by their
/// number (Linux 5.11) and does not run the program for them.
const ALWAYS: &[&[i64]] = &[
    // Bytes of sockets, pipes and files. Descriptors come and go with messages.
    &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_preadv,
        libc::SYS_preadv2,
    ],
    &[
        libc::SYS_recvfrom,
        libc::SYS_sendto,
        libc::SYS_recvmsg,
        libc::SYS_sendmsg,
        libc::SYS_recvmmsg,
        libc::SYS_sendmmsg,
    ],
    &[libc::SYS_sendfile, libc::SYS_splice, libc::SYS_pipe2],
    // Connections. No listen: what listens comes from the keeper. bind is for the sources of datagrams.
    &[libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect, libc::SYS_bind, libc::SYS_shutdown],
    &[libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt],
    // The event loop.
    &[
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
    ],
    &[libc::SYS_ppoll, libc::SYS_pselect6],
    &[libc::SYS_timerfd_create, libc::SYS_timerfd_settime],
    // Looking at files. The flags of openat2 lie in memory, out of the filter's sight: landlock and the mounts, which are
    // read-only, refuse the rest.
    &[
        libc::SYS_openat2,
        libc::SYS_statx,
        libc::SYS_newfstatat,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_getdents64,
    ],
    &[
        libc::SYS_readlinkat,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_fadvise64,
        libc::SYS_readahead,
    ],
    &[libc::SYS_fstatfs, libc::SYS_getcwd],
    // Descriptors.
    &[libc::SYS_close, libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3],
    // Threads, locks and their end.
    &[
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_membarrier,
        libc::SYS_set_tid_address,
    ],
    &[libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_getcpu],
    &[libc::SYS_exit, libc::SYS_exit_group, libc::SYS_restart_syscall],
    // Memory. Mapping and protecting are below.
    &[libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk],
    // Signals to oneself.
    &[libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack],
    // Time, randomness, and who one is: what the C library and the cryptography ask, none of it about others.
    &[libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep],
    &[libc::SYS_gettimeofday, libc::SYS_getrandom, libc::SYS_getrusage, libc::SYS_uname, libc::SYS_sysinfo],
    &[libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid],
    &[libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getgroups],
    &[libc::SYS_getresuid, libc::SYS_getresgid],
];

/// Older forms of the same, which x86-64 has beside them and libraries still use.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_access,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// Flags of an open that changes something.
const CHANGING: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
/// Changing the descriptor itself. F_SETOWN and F_SETSIG would send signals to others, leases and locks would hold them up.
const DESCRIPTOR_CONTROLS: &[i32] = &[
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_SETPIPE_SZ,
    libc::F_GETPIPE_SZ,
];

/// Options of sockets that are set, by level and name. The sockets that listen are the keeper's and the next gate's too,
/// so that whatever stays upon one outlives a gate in hostile hands.
const SOCKET_OPTIONS: &[(i32, i32)] = &[
    // Small answers leave at once; a connection that is cut tells its peer so.
    (IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::SOL_SOCKET, libc::SO_LINGER),
    // To which of its addresses a datagram came.
    (libc::IPPROTO_IP, libc::IP_PKTINFO),
    (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
];

/// `process` is the only one that it may signal.
pub(super) fn table(process: u32, unix_sockets: bool) -> Vec<Call> {
    let mut calls: Vec<Call> =
        ALWAYS.iter().copied().flatten().chain(OLDER).map(|&number| Call::always(number)).collect();
    let process = u64::from(process);
    let executable = bits(libc::PROT_EXEC);
    calls.extend([
        Call::when(libc::SYS_openat, vec![vec![Test::has(2, bits(CHANGING), bits(libc::O_RDONLY))]]),
        Call::when(libc::SYS_mmap, vec![vec![Test::has(2, executable, 0)]]),
        Call::when(libc::SYS_mprotect, vec![vec![Test::has(2, executable, 0)]]),
        Call::when(libc::SYS_clone, vec![vec![Test::has(0, THREAD_MASK, THREAD)]]),
        Call::when(libc::SYS_socket, sockets(unix_sockets)),
        Call::when(libc::SYS_setsockopt, socket_options(SOCKET_OPTIONS)),
        // The C library and signal handlers wake a thread through a pair.
        Call::with(libc::SYS_socketpair, 0, &[bits(AF_UNIX)]),
        // Blocking or not, what can be read, and whether it is a terminal. Not TIOCSTI, which types into one.
        Call::with(libc::SYS_ioctl, 1, &[libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS]),
        Call::with(libc::SYS_fcntl, 1, &DESCRIPTOR_CONTROLS.iter().map(|&one| bits(one)).collect::<Vec<_>>()),
        Call::with(libc::SYS_prctl, 0, &[bits(libc::PR_SET_NAME), bits(libc::PR_GET_NAME)]),
        // A panic that aborts, and signals between threads.
        Call::with(libc::SYS_kill, 0, &[process]),
        Call::with(libc::SYS_tgkill, 0, &[process]),
        // Reading its own limits; the number of connections follows from them.
        Call::when(libc::SYS_prlimit64, vec![vec![Test::is(0, 0), Test::is_null(2)]]),
    ]);
    #[cfg(target_arch = "x86_64")]
    calls.push(Call::when(libc::SYS_open, vec![vec![Test::has(1, bits(CHANGING), bits(libc::O_RDONLY))]]));
    calls
}

/// What tells a thread from a process, and from a thread in namespaces of its own.
const THREAD: u64 = bits(libc::CLONE_THREAD | libc::CLONE_VM);
const THREAD_MASK: u64 = THREAD
    | bits(
        libc::CLONE_NEWNS
            | libc::CLONE_NEWUSER
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP
            | libc::CLONE_PTRACE
            | libc::CLONE_VFORK,
    );

/// TCP and UDP sockets, and those of this machine alone.
fn sockets(unix_sockets: bool) -> Vec<Vec<Test>> {
    let kinds = [(SOCK_STREAM, IPPROTO_TCP), (SOCK_DGRAM, IPPROTO_UDP)];
    let families = [(AF_INET, true), (AF_INET6, true), (AF_UNIX, false)];
    let mut rules = Vec::new();
    for (family, has_protocols) in
        families.into_iter().filter(|(family, _)| unix_sockets || *family != AF_UNIX)
    {
        for (kind, protocol) in kinds {
            let rule = |protocol: i32| {
                vec![
                    Test::is(0, bits(family)),
                    Test::has(1, SOCKET_TYPE, bits(kind)),
                    Test::is(2, bits(protocol)),
                ]
            };
            rules.push(rule(0));
            if has_protocols {
                rules.push(rule(protocol));
            }
        }
    }
    rules
}
