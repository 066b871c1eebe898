//! `portcullis check` on good and bad files.

use crate::run;
use testkit::Folder;

#[test]
fn a_good_file_is_counted() {
    let folder = Folder::new();
    folder.write("public/index.html", "hello");
    folder.write(
        "portcullis.toml",
        r#"
[site]
"http://a.test" = "localhost:3000"

[site."http://b.test".routes]
"/"     = { files = "public" }
"/api/" = "api"

[service.api]
instances = ["localhost:3001", "localhost:3002"]
"#,
    );
    let finished = run(&folder, &["check"]);
    assert_eq!(
        finished.stdout, "portcullis.toml: 2 sites, 3 routes, 2 services, no problems\n",
        "{}",
        finished.stderr
    );
    assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""));
}

#[test]
fn every_problem_is_shown_at_once() {
    let folder = Folder::new();
    folder.write(
        "portcullis.toml",
        r#"
[lissten]
http = 8080

[site."http://a.test".routes]
"/"     = "ap"
"/b"    = { redirect = "/c", status = 200 }

[service.api]
instances = ["localhost:99999"]
"#,
    );
    let finished = run(&folder, &["check"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(finished.stdout);
}

#[test]
fn programs_get_json_for_good_and_bad() {
    let folder = Folder::new();
    folder.write("good.toml", "[site]\n\"http://a.test\" = \"localhost:3000\"\n");
    folder.write("bad.toml", "[sight]\n");
    for (file, code) in [("good.toml", 0), ("bad.toml", 1)] {
        let finished = run(&folder, &["check", file, "--json"]);
        assert_eq!((finished.code(), finished.stderr.as_str()), (code, ""));
        insta::assert_snapshot!(finished.stdout);
    }
}

#[test]
fn what_the_file_names_must_be_there() {
    let folder = Folder::new();
    folder.write("public/readme", "");
    folder.write("a.pem", "no certificate");
    folder.write(
        "portcullis.toml",
        r#"
[site."a.test"]
files       = "missing"
certificate = { certificate = "a.pem", key = "a.key" }

[site."http://b.test"]
files       = "public"
fallback    = "index.html"
maintenance = "down.html"

[site."http://c.test"]
files = "a.pem"
otherwise = "gone"

[site."http://d.test"]
service = "bare"

[service.gone]
instances = ["fastcgi+unix:/run/php/fpm.sock"]
fastcgi = { root = "missing" }

[service.bare]
instances = ["fastcgi+unix:/run/php/fpm.sock"]
fastcgi = { root = "public" }
"#,
    );
    let finished = run(&folder, &["check"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (1, ""), "{}", finished.stdout);
    insta::assert_snapshot!(finished.stdout);
}

#[test]
fn an_empty_group_is_warned_of_once_where_it_is_named() {
    let folder = Folder::new();
    let rules = "inbound = [\"ssh\", { allow = \"81/tcp\", from = \"empty\" }, { allow = \"82/tcp\", from = \"empty\" }]";
    folder.write("portcullis.toml", format!("[firewall]\n{rules}\n[group.empty]\n"));
    let finished = run(&folder, &["check"]);
    assert_eq!(finished.code(), 0, "{}", finished.stdout);
    assert_eq!(finished.stdout.matches("`empty` matches nothing").count(), 2, "{}", finished.stdout);
    assert!(!finished.stdout.contains("nobody at present"), "{}", finished.stdout);
}
