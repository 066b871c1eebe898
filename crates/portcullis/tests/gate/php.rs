//! PHP-FPM itself, with a small application: what a site of PHP needs, over a Unix socket, by a real client.

use crate::running::{Gate, of_crate};
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::{Folder, Program};

/// A running PHP-FPM, and the folder of its scripts.
struct Php {
    folder: Folder,
    fpm: Option<Program>,
}

/// The newest PHP-FPM of this machine.
fn fpm() -> PathBuf {
    let found = fs::read_dir("/usr/sbin").unwrap().flatten().map(|entry| entry.path());
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm"));
    found.filter(named).max().expect("PHP-FPM: apt-get install php-fpm")
}

/// A master that is killed leaves its processes behind.
impl Drop for Php {
    fn drop(&mut self) {
        let Some(fpm) = self.fpm.take() else { return };
        fpm.signal(Signal::TERM);
        if !std::thread::panicking() {
            drop(fpm.finish());
        }
    }
}

impl Php {
    /// Starts two processes that serve the scripts of `gate/php`.
    fn start() -> Self {
        let folder = Folder::new();
        for script in fs::read_dir(of_crate("portcullis/tests/gate/php")).unwrap().flatten() {
            let name = script.file_name();
            for place in ["root", "root/wp-admin"] {
                folder.write(Path::new(place).join(&name), fs::read(script.path()).unwrap());
            }
        }
        folder.write("root/style.css", "body {}");
        folder.write("root/uploads/evil.jpg", "<?php echo 'run';");
        fs::create_dir(folder.join("state")).unwrap();
        for place in ["", "state"] {
            fs::set_permissions(folder.join(place), Permissions::from_mode(0o777)).unwrap();
        }
        let path = folder.path().display();
        // Who is not root runs the processes as himself.
        let user = if geteuid().is_root() { "user = nobody\ngroup = nogroup" } else { "" };
        let configuration = format!(
            "[global]\ndaemonize = no\nerror_log = {path}/fpm.log\n\
             [www]\n{user}\nlisten = {path}/fpm.sock\nlisten.mode = 0666\n\
             pm = static\npm.max_children = 2\nphp_admin_value[session.save_path] = {path}/state\n\
             php_admin_value[upload_tmp_dir] = {path}/state\nphp_admin_value[sys_temp_dir] = {path}/state\n\
             php_admin_value[post_max_size] = 32M\nphp_admin_value[upload_max_filesize] = 32M\nphp_admin_flag[log_errors] = on\n\
             php_admin_flag[display_errors] = off\n"
        );
        let file = folder.write("fpm.conf", configuration);
        let mut fpm = Program::spawn(Command::new(fpm()).args(["-n", "-F", "-y"]).arg(file));
        fpm.wait_for_socket(&folder.join("fpm.sock"));
        Self { folder, fpm: Some(fpm) }
    }

    fn root(&self) -> String {
        self.folder.join("root").display().to_string()
    }

    /// A gate before it: files, then scripts.
    fn gate(&self, service: &str) -> Gate {
        let (root, socket) = (self.root(), self.folder.join("fpm.sock"));
        Gate::up(&format!(
            "[limits]\nbody = \"32MiB\"\n[site.\":{{http}}\".routes]\n\
             \"/\" = {{ files = \"{root}\", otherwise = \"blog\", compress = true }}\n\
             \"/sub/\" = {{ files = \"{root}\", otherwise = \"blog\" }}\n\
             \"/static/\" = {{ files = \"{root}\" }}\n\
             [service.blog]\ninstances = [\"fastcgi+unix:{}\"]\nfastcgi = {{ root = \"{root}\" }}\n{service}",
            socket.display()
        ))
    }
}

/// What curl gets, with the head where `-i` is among the arguments.
fn curl(gate: &Gate, path: &str, arguments: &[&str]) -> String {
    let url = format!("http://{}{path}", gate.http);
    let output =
        Command::new("curl").args(["-sS", "--max-time", "20"]).args(arguments).arg(url).output().unwrap();
    assert!(output.status.success(), "{path}: {output:?}");
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

fn told(gate: &Gate, path: &str) -> Value {
    let text = curl(gate, path, &[]);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
}

#[test]
fn files_are_sent_scripts_run_and_the_front_controller_gets_the_rest() {
    let php = Php::start();
    let gate = php.gate("");
    assert_eq!(curl(&gate, "/style.css", &[]), "body {}");
    for (path, script, name, info) in [
        ("/", "index.php", "/index.php", None),
        ("/a/pretty/url?x=1", "index.php", "/index.php", None),
        ("/info.php", "info.php", "/info.php", None),
        ("/info.php/a%20b/c", "info.php", "/info.php", Some("/a b/c")),
        ("/wp-admin/", "index.php", "/wp-admin/index.php", None),
        ("/wp-admin/info.php", "info.php", "/wp-admin/info.php", None),
        ("/uploads/evil.jpg/x.php", "index.php", "/index.php", None),
        ("/sub/info.php/x", "info.php", "/sub/info.php", Some("/x")),
        ("/sub/none", "index.php", "/sub/index.php", None),
    ] {
        let told = told(&gate, path);
        assert_eq!(told["script"], script, "{path}");
        assert_eq!(told["server"]["SCRIPT_NAME"], name, "{path}");
        assert_eq!(told["server"]["PATH_INFO"].as_str(), info, "{path}");
        assert_eq!(told["server"]["REQUEST_URI"], path, "{path}");
    }
    assert!(curl(&gate, "/wp-admin?a=b", &["-i"]).contains("\nLocation: /wp-admin/?a=b\n"));
    assert_eq!(curl(&gate, "/uploads/evil.jpg", &[]), "<?php echo 'run';", "a file is a file");
}

#[test]
fn the_text_of_a_script_is_never_sent() {
    let php = Php::start();
    for name in ["x.PHP", "info.php.bak", "info.php~", "info.php5", "info.phtml", "info.phps"] {
        php.folder.write(Path::new("root").join(name), "<?php // secret");
    }
    let gate = php.gate("");
    let names = [
        "x.PHP",
        "info.php.bak",
        "info.php~",
        "info.php5",
        "info.phtml",
        "info.phps",
        "info.php",
        "answer.php",
    ];
    for name in names {
        let places = ["", "/sub", "/.", "/static"].map(|place| format!("{place}/{name}"));
        for path in places.into_iter().chain([format!("/{name}/")]) {
            let text = curl(&gate, &path, &["--path-as-is"]);
            assert!(!text.contains("<?php"), "{path}: {text}");
        }
    }
    assert_eq!(curl(&gate, "/static/style.css", &[]), "body {}");
}

#[test]
fn bodies_of_every_kind_arrive() {
    let php = Php::start();
    let gate = php.gate("");
    let bytes: Vec<u8> = (0..2_500_000_u32).flat_map(u32::to_le_bytes).collect();
    let file = php.folder.write("large", bytes);
    let file = file.display();
    let sum = Command::new("md5sum").arg(file.to_string()).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout)[..32].to_owned();
    let posted = |arguments: &[&str]| -> Value {
        let text = curl(&gate, "/upload.php", arguments);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    };
    let raw = posted(&["-H", "Content-Type: application/octet-stream", "--data-binary", &format!("@{file}")]);
    assert_eq!((raw["bytes"].as_u64(), raw["md5"].as_str()), (Some(10_000_000), Some(sum.as_str())));
    let form = posted(&["-F", "a=b", "-F", &format!("f=@{file}")]);
    assert_eq!(form["post"]["a"], "b");
    assert_eq!(form["files"]["f"], serde_json::json!(["large", 10_000_000, sum]));
    let fields = posted(&["-d", "a=1&b[]=2"]);
    assert_eq!(fields["post"], serde_json::json!({ "a": "1", "b": ["2"] }));
    let chunked = posted(&["-H", "Transfer-Encoding: chunked", "-d", "a=1"]);
    assert_eq!((&chunked["post"]["a"], &chunked["length"]), (&"1".into(), &"3".into()));
}

#[test]
fn a_session_lives_in_its_cookie() {
    let php = Php::start();
    let gate = php.gate("");
    let jar = php.folder.join("jar").display().to_string();
    let visits = [(); 3].map(|()| curl(&gate, "/session.php", &["-c", &jar, "-b", &jar]));
    assert_eq!(visits, ["1", "2", "3"]);
    let head = curl(&gate, "/session.php", &["-i"]);
    assert_eq!(head.matches("\nSet-Cookie: ").count(), 2, "{head}");
}

#[test]
fn statuses_fields_and_methods_pass() {
    let php = Php::start();
    let gate = php.gate("");
    let query = |status: u16, rest: &str| format!("/answer.php?status={status}{rest}");
    let head = curl(&gate, &query(404, "&header%5B%5D=X-A:%20b&body=gone"), &["-i"]);
    assert!(head.starts_with("HTTP/1.1 404 Not Found\n") && head.contains("\nX-A: b\n"), "{head}");
    assert!(head.ends_with("\n\ngone"), "{head}");
    let not_modified = curl(&gate, &query(304, "&header%5B%5D=ETag:%20%22a%22"), &["-i"]);
    assert!(not_modified.starts_with("HTTP/1.1 304 ") && not_modified.contains("\nETag: \"a\"\n"));
    let redirect = curl(&gate, "/redirect.php", &["-i"]);
    assert!(redirect.starts_with("HTTP/1.1 302 Found\n") && redirect.contains("\nLocation: /elsewhere\n"));
    let to_head = curl(&gate, &query(200, "&body=long"), &["-I"]);
    assert!(to_head.starts_with("HTTP/1.1 200 OK\n") && !to_head.contains("long"), "{to_head}");
    // Neither is obeyed by us, nor may an application frame its answer.
    let passed = curl(&gate, &query(200, "&header%5B%5D=X-Accel-Redirect:%20/style.css&body=own"), &["-i"]);
    assert!(passed.contains("\nX-Accel-Redirect: /style.css\n") && passed.ends_with("\n\nown"), "{passed}");
    let framed = curl(&gate, &query(200, "&header%5B%5D=Transfer-Encoding:%20chunked"), &["-i"]);
    assert!(framed.starts_with("HTTP/1.1 502 "), "{framed}");
    testkit::eventually("the rule", || {
        gate.log_text().contains("\"rule\":\"cgi-transfer-encoding\"").then_some(())
    });
    let oxy = curl(&gate, "/info.php", &["-H", "Proxy: http://evil", "-u", "a:b"]);
    assert!(!oxy.contains("HTTP_PROXY") && oxy.contains("\"PHP_AUTH_USER\":\"a\""), "{oxy}");
}

#[test]
fn a_piece_arrives_before_the_next_is_made() {
    let php = Php::start();
    let gate = php.gate("");
    let mut raw = gate.raw();
    let beside = php.folder.join("state").display().to_string();
    raw.send(format!("GET /stream.php?pieces=3&beside={beside} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut seen = String::new();
    for piece in 1..=3 {
        while !seen.ends_with(&format!("data: {piece}\n\n")) {
            seen.push(char::from(raw.exactly(1)[0]));
        }
        php.folder.write(format!("state/go-{piece}"), "");
    }
    assert_eq!(seen.matches("data: ").count(), 3, "{seen}");
}

#[test]
fn large_answers_arrive_whole_with_and_without_a_length() {
    let php = Php::start();
    let gate = php.gate("");
    for length in ["", "&length=1"] {
        let head = curl(&gate, &format!("/large.php?bytes=20000000{length}"), &["-i"]);
        let (head, body) = head.split_once("\n\n").unwrap();
        assert_eq!(body.len(), 20_000_000);
        assert_eq!(head.contains("\nContent-Length: 20000000"), !length.is_empty(), "{head}");
        assert!(body.as_bytes().chunks(16).all(|chunk| chunk == b"0123456789abcdef"));
    }
    let zipped = curl(&gate, "/large.php?bytes=100000", &["--compressed", "-i"]);
    assert!(zipped.contains("\nContent-Encoding: ") && zipped.ends_with("0123456789abcdef"));
}

#[test]
fn a_client_that_reads_nothing_costs_no_memory_and_one_that_goes_frees_all() {
    let php = Php::start();
    let gate = php.gate("");
    curl(&gate, "/info.php", &[]);
    let before = gate.memory();
    // More than there are processes, each for a client that goes away.
    for _ in 0..4 {
        let mut raw = gate.raw();
        raw.send("GET /large.php?bytes=200000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        raw.exactly(1 << 20);
    }
    let mut raw = gate.raw();
    raw.send("GET /large.php?bytes=200000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw.exactly(1 << 20);
    let grown = gate.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for an answer of 200 MB");
}

#[test]
fn a_script_that_dies_is_one_answer_and_one_line() {
    let php = Php::start();
    let gate = php.gate("");
    let answer = curl(&gate, "/fatal.php", &["-i"]);
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let said = testkit::eventually("the line", || {
        gate.stderr().lines().find(|line| line.contains("nobody_defined_this")).map(str::to_owned)
    });
    assert!(said.contains("service blog says for 127.0.0.1/fatal.php"), "{said}");
    assert!(said.contains("before it dies\\nforged: line"), "{said}");
}

#[test]
fn kept_connections_serve_many_requests() {
    let php = Php::start();
    let gate = php.gate("keep_alive = 1\n");
    for _ in 0..50 {
        assert_eq!(told(&gate, "/info.php")["script"], "info.php");
        curl(&gate, "/answer.php?status=304", &[]);
        curl(&gate, "/answer.php?body=x", &["-I"]);
        curl(&gate, "/large.php?bytes=100000&length=1", &[]);
    }
}

#[test]
fn what_is_wrong_with_php_fpm_is_said() {
    let php = Php::start();
    let gate = php.gate("");
    let says = |text: &str| {
        testkit::eventually(text, || gate.stderr().contains(text).then_some(()));
    };
    fs::remove_file(php.folder.join("fpm.sock")).unwrap();
    assert!(curl(&gate, "/info.php", &["-i"]).starts_with("HTTP/1.1 502 "));
    says("is php-fpm running? the socket is where `listen` of its pool says");
    drop(std::os::unix::net::UnixListener::bind(php.folder.join("fpm.sock")).unwrap());
    assert!(curl(&gate, "/info.php", &["-i"]).starts_with("HTTP/1.1 502 "));
    says("is php-fpm running? nobody listens there");
}
