//! What a service behind files answers, and that its scripts are never sent.

use super::Site;
use model::plan::{Compression, Otherwise, ServiceHandler, ServiceIndex};

fn site(scripts: Option<&str>) -> Site {
    let handler = ServiceHandler {
        service: ServiceIndex(0),
        strip_prefix: None,
        compression: Compression::Off,
        grpc_web: false,
    };
    let scripts = scripts.map(str::to_owned);
    Site::new(|files| files.otherwise = Some(Otherwise { handler, scripts }))
}

#[test]
fn what_is_no_file_is_for_the_service() {
    let site = site(None);
    site.write("folder/index.html", "index").write("empty/file", "file").write(".hidden", "secret");
    for (path, status, rule) in [
        ("/folder/", 200, ""),
        ("/empty/file", 200, ""),
        ("/", 0, "otherwise"),
        ("/empty/", 0, "otherwise"),
        ("/folder", 0, "otherwise"),
        ("/none", 0, "otherwise"),
        ("/none/", 0, "otherwise"),
        ("/a%2Fb", 0, "otherwise"),
        ("/.hidden", 404, "file-hidden"),
    ] {
        let shown = site.get(path);
        assert_eq!((shown.status, shown.rule), (status, rule), "{path}");
    }
    let posted = site.ask("/empty/file", |request| request.method = b"POST");
    assert!(posted.is_some_and(|answer| matches!(answer, super::FileAnswer::Otherwise)));
}

#[test]
fn what_looks_like_a_script_is_never_sent() {
    for (name, sent) in [
        ("x.php", false),
        ("x.PHP", false),
        ("x.pHp5", false),
        ("x.phps", false),
        ("x.phtml", false),
        ("x.phar", false),
        ("x.php~", false),
        ("x.php.bak", false),
        ("x.min.php.old", false),
        ("x.php_old", false),
        ("x.php-2", false),
        ("php", true),
        ("php.ini.txt", true),
        ("x.phpunit.xml", true),
        ("x.ph", true),
        ("xphp", true),
        ("php/x.css", true),
        ("x.php.d/x.css", true),
    ] {
        let site = site(Some(".php"));
        site.write(name, name);
        assert_eq!(site.get(&format!("/{name}")).status == 200, sent, "{name}");
    }
}

#[test]
fn an_index_that_is_a_script_is_not_sent_either() {
    let handler = ServiceHandler {
        service: ServiceIndex(0),
        strip_prefix: None,
        compression: Compression::Off,
        grpc_web: false,
    };
    let site = Site::new(|files| {
        files.index = "index.php".to_owned();
        files.otherwise = Some(Otherwise { handler, scripts: Some(".php".to_owned()) });
    });
    site.write("index.php", "secret").write("folder/index.php", "secret");
    for path in ["/", "/folder/", "/folder"] {
        assert_eq!(site.get(path).rule, "otherwise", "{path}");
    }
}

#[test]
fn scripts_of_a_service_elsewhere_are_not_sent() {
    let site = Site::new(|files| {
        files.refused_scripts = vec![".php".to_owned(), ".cgi".to_owned()];
        files.listing = true;
    });
    site.write("x.php", "secret")
        .write("x.php.bak", "secret")
        .write("x.cgi", "secret")
        .write("x.css", "style");
    for (path, status, rule) in [
        ("/x.php", 404, "file-script"),
        ("/x.php.bak", 404, "file-script"),
        ("/x.cgi", 404, "file-script"),
        ("/none.php", 404, "file-script"),
        ("/x.css", 200, ""),
        ("/", 200, ""),
    ] {
        let shown = site.get(path);
        assert_eq!((shown.status, shown.rule), (status, rule), "{path}");
    }
}
