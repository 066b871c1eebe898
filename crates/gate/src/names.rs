//! Names of instances, resolved with their time to live on a thread of their own. What is known stays in force until
//! something better is: a name that does not resolve stops nothing.

use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Bounds of the time after which a name is asked for again, whatever its record says.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);
/// The first pause after a failure; it doubles up to [`LONGEST`].
const RETRY: Duration = Duration::from_secs(1);

/// Is told of new addresses of a name.
pub(crate) type Listener = Box<dyn Fn(&str, &[IpAddr]) + Send>;

/// How this machine resolves names: its files, read by who may read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverFiles {
    /// resolv.conf(5).
    pub resolv_conf: Vec<u8>,
    /// hosts(5).
    pub hosts: Vec<u8>,
}

#[derive(Debug)]
enum Order {
    /// These are wanted from now on.
    Want(BTreeSet<String>),
    /// Names are resolved like this from now on.
    Use(ResolverFiles),
}

/// Resolves names in the background.
#[derive(Debug)]
pub(crate) struct Names {
    orders: UnboundedSender<Order>,
    known: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
}

impl Names {
    /// Starts the thread. `listener` is called on it.
    pub(crate) fn start(files: ResolverFiles, listener: Listener) -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "only reloads speak here")]
        let (sender, orders) = unbounded_channel();
        let known = Arc::new(Mutex::new(HashMap::new()));
        let theirs = Arc::clone(&known);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || runtime.block_on(resolve_all(files, orders, &theirs, &listener)))?;
        Ok(Self { orders: sender, known })
    }

    /// Says which names are wanted from now on.
    pub(crate) fn want(&self, names: BTreeSet<String>) {
        // The thread ends only with this value.
        let _ = self.orders.send(Order::Want(names));
    }

    /// Says how names are resolved from now on.
    pub(crate) fn use_files(&self, files: ResolverFiles) {
        let _ = self.orders.send(Order::Use(files));
    }

    /// What is known now.
    pub(crate) fn known(&self) -> HashMap<String, Vec<IpAddr>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// When a name is asked for next, and how long to wait after the next failure.
struct Schedule {
    due: Instant,
    pause: Duration,
}

async fn resolve_all(
    mut files: ResolverFiles,
    mut orders: UnboundedReceiver<Order>,
    known: &Mutex<HashMap<String, Vec<IpAddr>>>,
    listener: &Listener,
) {
    let mut schedule: HashMap<String, Schedule> = HashMap::new();
    let mut resolver = None;
    loop {
        let due =
            schedule.iter().min_by_key(|(_, entry)| entry.due).map(|(name, entry)| (name.clone(), entry.due));
        let sleep = async {
            match &due {
                Some((_, due)) => tokio::time::sleep_until((*due).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Use(changed)) => {
                    files = changed;
                    resolver = None;
                }
                Some(Order::Want(names)) => {
                    schedule.retain(|name, _| names.contains(name));
                    for name in names {
                        schedule.entry(name).or_insert(Schedule { due: Instant::now(), pause: RETRY });
                    }
                }
                None => return,
            },
            () = sleep => {
                let Some((name, _)) = due else { continue };
                if resolver.is_none() {
                    // Where that fails it is tried again with the next name.
                    resolver = resolver_of(&files);
                }
                let next = match &resolver {
                    Some(resolver) => ask(resolver, &name, known, listener).await,
                    None => None,
                };
                if let Some(entry) = schedule.get_mut(&name) {
                    entry.plan(next);
                }
            }
        }
    }
}

impl Schedule {
    fn plan(&mut self, answered: Option<Instant>) {
        let now = Instant::now();
        match answered {
            Some(until) => {
                self.due = until.clamp(now + SHORTEST, now + LONGEST);
                self.pause = RETRY;
            }
            None => {
                self.due = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST);
            }
        }
    }
}

/// Who asks the resolvers that these files name; none where they name none.
#[must_use]
pub fn resolver_of(files: &ResolverFiles) -> Option<TokioResolver> {
    let (config, mut options) = parse_resolv_conf(&files.resolv_conf).ok()?;
    // The file is not there for who faces the network; its text is.
    options.use_hosts_file = ResolveHosts::Never;
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    let mut resolver = builder.with_options(options).build().ok()?;
    let mut hosts = Hosts::default();
    if hosts.read_hosts_conf(&files.hosts[..]).is_ok() {
        resolver.set_hosts(Arc::new(hosts));
    }
    Some(resolver)
}

/// Asks for a name, and answers until when the answer is good.
async fn ask(
    resolver: &TokioResolver,
    name: &str,
    known: &Mutex<HashMap<String, Vec<IpAddr>>>,
    listener: &Listener,
) -> Option<Instant> {
    let answer = resolver.lookup_ip(name).await.ok()?;
    let mut addresses: Vec<IpAddr> = answer.iter().collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return None;
    }
    let former =
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), addresses.clone());
    if former.as_ref() != Some(&addresses) {
        listener(name, &addresses);
    }
    Some(answer.valid_until())
}
