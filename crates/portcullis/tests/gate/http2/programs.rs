//! Real clients.

use crate::running::{Gate, Hello};
use std::process::Command;
use testkit::Program;

fn gate(hello: &Hello) -> Gate {
    Gate::up(&format!("[site]\n\"a.localhost\" = \"{0}\"\n\"localhost\" = \"{0}\"\n", hello.address))
}

fn run(command: &mut Command) -> String {
    let finished = Program::spawn(command).finish();
    assert_eq!(finished.code(), 0, "{}{}", finished.stdout, finished.stderr);
    finished.stdout + &finished.stderr
}

#[test]
fn curl_speaks_http2_over_tls() {
    let hello = Hello::start("app");
    let gate = gate(&hello);
    gate.folder.write("trust.pem", gate.ask(&["cert", "trust"]).stdout);
    gate.folder.write("large", vec![b'x'; 2_000_000]);
    let url = format!("https://a.localhost:{}", gate.https.port());
    let resolve = format!("a.localhost:{}:127.0.0.1", gate.https.port());
    let curl = |arguments: &[&str]| {
        let common = ["-sS", "--http2", "--max-time", "30", "--cacert", "trust.pem", "--resolve", &resolve];
        run(Command::new("curl").current_dir(gate.folder.path()).args(common).args(arguments))
    };
    let target = format!("{url}/headers");
    let said = curl(&["-w", "version %{http_version}\n", &target]);
    assert!(said.contains("version 2\n"), "{said}");
    let target = format!("{url}/upload?json");
    let said = curl(&["--data-binary", "@large", &target]);
    assert!(said.contains("2000000"), "{said}");
    let target = format!("{url}/bytes/2000000?chunked");
    let said = curl(&["-o", "back", "-w", "%{size_download} %{http_version}", &target]);
    assert_eq!(said, "2000000 2");
    assert!(gate.log(3).iter().all(|line| line["version"] == "HTTP/2" && line["tls"] == "1.3"));
}

#[test]
fn an_answer_before_the_end_of_the_request_reaches_curl() {
    let gate = Gate::up(
        "[site.\"a.localhost\".routes]\n\"/\" = { respond = \"no\", status = 403, method = \"GET\" }\n",
    );
    gate.folder.write("large", vec![b'x'; 2_000_000]);
    let url = format!("https://a.localhost:{}", gate.https.port());
    let resolve = format!("a.localhost:{}:127.0.0.1", gate.https.port());
    for body in ["small", "@large"] {
        for _ in 0..4 {
            let said = run(Command::new("curl").current_dir(gate.folder.path()).args([
                "-sSk",
                "--http2",
                "--max-time",
                "30",
                "--resolve",
                &resolve,
                "-o",
                "back",
                "-w",
                "%{http_code}",
                "--data-binary",
                body,
                &url,
            ]));
            assert_eq!(said, "405", "{body}");
        }
    }
}

#[test]
fn nghttp_and_h2load_are_content() {
    let hello = Hello::start("app");
    let gate = gate(&hello);
    let url = format!("https://localhost:{}/static256", gate.https.port());
    let said = run(Command::new("nghttp").args(["-nvy", &url]));
    assert!(said.contains(":status: 200"), "{said}");
    let said = run(Command::new("h2load").args(["-n", "2000", "-c", "4", "-m", "50", &url]));
    assert!(said.contains("2000 succeeded, 0 failed"), "{said}");
}
