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
    folder.write("bare/readme", "");
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
fastcgi = { root = "lost" }

[service.bare]
instances = ["fastcgi+unix:/run/php/fpm.sock"]
fastcgi = { root = "bare" }
"#,
    );
    let finished = run(&folder, &["check"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (1, ""), "{}", finished.stdout);
    insta::assert_snapshot!(finished.stdout);
}

#[test]
fn a_link_that_leads_to_scripts_is_told() {
    let folder = Folder::new();
    folder.write("app/index.php", "<?php");
    folder.write("app/uploads/a.png", "");
    folder.write("public/a.css", "");
    std::os::unix::fs::symlink("app/uploads", folder.join("media")).expect("the folder is new");
    let file = r#"
[site."http://a.test".routes]
"/"         = { files = "app", otherwise = "php" }
"/uploads/" = { files = "app/uploads" }
"/media/"   = { files = "media" }
"/public/"  = { files = "public" }

[service.php]
instances = ["fastcgi+unix:/run/php/fpm.sock"]
fastcgi   = { root = "app" }
"#;
    folder.write("portcullis.toml", file);
    let finished = run(&folder, &["check"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""), "{}", finished.stdout);
    let shown = finished.stdout.replace(&folder.path().display().to_string(), "/folder");
    insta::assert_snapshot!(shown);
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
