//! The container engine in a host, with an image that needs no registry.

use super::place::Place;
use crate::folder::Folder;
use crate::lab::host::Host;
use crate::patience::eventually;
use crate::program::{Finished, Program};
use rustix::process::Signal;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The image: busybox alone.
const IMAGE: &str = "lab";

/// A running dockerd. Containers and engine end with the value.
#[derive(Debug)]
pub struct Docker {
    host: Host,
    daemon: Option<Program>,
    folder: Folder,
    /// The engine writes a key to `/etc/docker`: here, to a copy. The mounts end after the engine.
    _place: Place,
}

impl Docker {
    /// Starts the engine with IPv4 and IPv6 rules, and imports the image `lab`.
    ///
    /// # Panics
    /// When dockerd or busybox is not installed, or the engine does not come up.
    #[must_use]
    pub fn in_host(host: &Host) -> Self {
        let folder = Folder::new();
        let place = Place::new(host, &["/etc/docker"]);
        let daemon = place.start("dockerd", &daemon_arguments(&folder));
        let mut docker = Self { host: host.clone(), daemon: Some(daemon), folder, _place: place };
        docker.wait_until_it_answers();
        docker.import();
        docker
    }

    /// Runs `docker` with arguments and returns what it wrote, without the line's end.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.host.output(&mut self.command(arguments)).trim_end().to_owned()
    }

    /// Starts a web server in a container that answers with its name on port 80, published as `-p` says
    /// (`8088:80`), and returns the container's id.
    ///
    /// # Panics
    /// When the engine refuses.
    pub fn serve(&self, name: &str, published: &str) -> String {
        let serve = format!("echo {name} > /tmp/index.html; exec httpd -f -p 80 -h /tmp");
        self.run(&["run", "--detach", "--name", name, "-p", published, IMAGE, "/bin/sh", "-c", &serve])
    }

    /// Runs a program in the network of a container: the container itself has nothing but busybox.
    pub fn in_container(&self, name: &str, command: &[&str]) -> Finished {
        let id = self.run(&["inspect", "--format", "{{.State.Pid}}", name]);
        let net = format!("--net=/proc/{id}/ns/net");
        self.host.finish(Command::new("nsenter").arg(net).arg("--").args(command))
    }

    /// The IPv4 and the IPv6 address of a container at the bridge.
    ///
    /// # Panics
    /// When there is no such container.
    #[must_use]
    pub fn addresses(&self, name: &str) -> [IpAddr; 2] {
        ["IPAddress", "GlobalIPv6Address"].map(|field| {
            let address =
                self.run(&["inspect", "--format", &format!("{{{{.NetworkSettings.{field}}}}}"), name]);
            address.parse().unwrap_or_else(|error| panic!("{name} has {field} {address:?}: {error}"))
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(socket(&self.folder)).args(arguments).env("HOME", self.folder.path());
        command
    }

    fn wait_until_it_answers(&mut self) {
        let socket = self.folder.join("socket");
        if let Some(daemon) = &mut self.daemon {
            daemon.wait_for_socket(&socket);
        }
        eventually("an answer of dockerd", || {
            self.host.finish(&mut self.command(&["version"])).status.success().then_some(())
        });
    }

    fn import(&self) {
        let root = self.folder.join("image");
        for folder in ["bin", "tmp", "etc", "proc", "sys", "dev"] {
            fs::create_dir_all(root.join(folder)).expect("folders of an image");
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
        for name in ["sh", "httpd", "sleep", "echo", "nc", "udhcpc"] {
            symlink("busybox", root.join("bin").join(name)).expect("links of an image");
        }
        let archive = self.folder.join("image.tar");
        let (root, archive) = (text(&root), text(&archive));
        self.host.output(Command::new("tar").args(["-C", root, "-cf", archive, "."]));
        self.run(&["import", archive, IMAGE]);
    }

    fn containers(&self) -> Vec<String> {
        let listed = self.host.finish(&mut self.command(&["ps", "--quiet"]));
        listed.stdout.lines().map(str::to_owned).collect()
    }
}

impl Drop for Docker {
    /// Containers first, since they would outlive a killed engine.
    fn drop(&mut self) {
        for container in self.containers() {
            let _ = self.host.finish(&mut self.command(&["rm", "--force", &container]));
        }
        let Some(daemon) = self.daemon.take() else { return };
        daemon.signal(Signal::TERM);
        let _ = daemon.finish();
    }
}

fn daemon_arguments(folder: &Folder) -> Vec<String> {
    let option = |name: &str, path: &str| format!("--{name}={}", folder.join(path).display());
    let mut arguments =
        vec![option("data-root", "data"), option("exec-root", "exec"), option("pidfile", "pid")];
    arguments.push(format!("--host={}", socket(folder)));
    // Docker 20.10 has rules for IPv6 as an experiment only.
    let rules = ["--iptables", "--ip6tables", "--experimental", "--ipv6", "--fixed-cidr-v6=fd00:d0c::/64"];
    arguments.extend(rules.map(str::to_owned));
    arguments
}

fn socket(folder: &Folder) -> String {
    format!("unix://{}", folder.join("socket").display())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("folders of tests have names in ASCII")
}
