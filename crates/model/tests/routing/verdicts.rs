//! What a site has for a request, by case files: routes, a line `---`, requests with their verdicts.

use super::cases::{lines, text};
use super::site::{Request, route};
use model::path::canonicalize;
use model::plan::Route;
use model::routes::{Captures, Matched, RouteTable, conflicts};
use std::path::Path;

#[test]
fn requests_are_answered_by_the_most_specific_route() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routing/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        run(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        count += 1;
    }
    assert!(count > 0);
}

fn run(file: &str, case: &str) {
    let (routes, requests) = case.split_once("\n---\n").unwrap();
    let (labels, mut routes): (Vec<String>, Vec<Route>) =
        lines(routes).map(|(_, fields)| labelled(&fields)).unzip();
    assert_eq!(conflicts(&routes), vec![], "{file}");
    let table = RouteTable::new(&routes);
    routes.reverse();
    let reversed = RouteTable::new(&routes);
    for (line, fields) in lines(requests) {
        let (request, path, expected) = parse_request(&fields);
        let last = labels.len() - 1;
        let verdict =
            |table: &RouteTable, label: &dyn Fn(usize) -> String| verdict(table, &request, &path, label);
        assert_eq!(verdict(&table, &|index| labels[index].clone()), expected, "{file}, request {line}");
        assert_eq!(
            verdict(&reversed, &|index| labels[last - index].clone()),
            expected,
            "{file}, request {line}, reversed"
        );
    }
}

fn labelled(fields: &[Vec<u8>]) -> (String, Route) {
    let fields: Vec<String> = fields.iter().map(|field| text(field)).collect();
    let (methods, headers): (Vec<_>, Vec<_>) =
        fields[2..].iter().partition(|f| f.starts_with(char::is_uppercase));
    (fields[0].clone(), route(&fields[1], methods, headers))
}

fn parse_request(fields: &[Vec<u8>]) -> (Request, Vec<u8>, String) {
    let arrow = fields.iter().position(|field| field == b"=>").unwrap();
    let pairs =
        fields[2..arrow].iter().map(|field| text(field).split_once('=').map(|(n, v)| (n.into(), v.into())));
    let request = Request { method: text(&fields[0]), fields: pairs.map(Option::unwrap).collect() };
    let mut path = Vec::new();
    canonicalize(&fields[1], &mut path).unwrap();
    let expected: Vec<String> = fields[arrow + 1..].iter().map(|field| text(field)).collect();
    (request, path, expected.join(" "))
}

fn verdict(table: &RouteTable, request: &Request, path: &[u8], label: &dyn Fn(usize) -> String) -> String {
    let mut captures = Captures::new();
    let mut words = vec![match table.find(path, request, &mut captures) {
        Matched::Route(index) => label(index),
        Matched::AddSlash => "redirect".to_owned(),
        Matched::MethodNotAllowed => format!("405 {}", table.allowed_methods(path).join(",")),
        Matched::NotFound => "404".to_owned(),
    }];
    words.extend((0..captures.len()).map(|at| text(captures.segment(at, path).unwrap())));
    words.join(" ")
}

#[test]
fn no_spelling_of_a_guarded_path_reaches_an_open_route() {
    let none = || std::iter::empty::<&str>();
    let routes = [route("/", none(), none()), route("/admin/", none(), none())];
    let table = RouteTable::new(&routes);
    let request = Request { method: "GET".to_owned(), fields: Vec::new() };
    let mut path = Vec::new();
    for (line, fields) in lines(include_str!("bypass.txt")) {
        let verdict = match canonicalize(&fields[0], &mut path) {
            Err(error) => error.rule(),
            Ok(facts) if facts.encoded_slash => "encoded-slash",
            Ok(_) => match table.find(&path, &request, &mut Captures::new()) {
                Matched::Route(0) => "open",
                Matched::Route(1) | Matched::AddSlash => "guarded",
                other => panic!("line {line}: {other:?}"),
            },
        };
        assert_eq!(verdict, text(&fields[1]), "line {line}: {}", text(&fields[0]));
    }
}

#[test]
fn what_is_no_path_has_no_route() {
    let none = || std::iter::empty::<&str>();
    let table = RouteTable::new(&[route("/", none(), none()), route("/{x}", none(), none())]);
    let request = Request { method: "OPTIONS".to_owned(), fields: Vec::new() };
    for path in ["*", "a", "*/a", "//a", "/;x/a"] {
        assert_eq!(table.find(path.as_bytes(), &request, &mut Captures::new()), Matched::NotFound, "{path}");
        assert!(table.allowed_methods(path.as_bytes()).is_empty(), "{path}");
    }
    assert_eq!(table.find(b"/", &request, &mut Captures::new()), Matched::Route(0));
}

#[test]
fn an_encoded_slash_must_not_lead_past_a_stricter_route() {
    let get = || std::iter::empty::<&str>();
    let patterns = ["/", "/admin/", "/projects/{id}/issues", "/projects/", "/post/only", "/files/{name}"];
    let routes = patterns.map(|pattern| {
        let methods = (pattern == "/post/only").then_some("POST");
        route(pattern, methods, get())
    });
    let table = RouteTable::new(&routes);
    let request = Request { method: "GET".to_owned(), fields: Vec::new() };
    let cases = [
        ("/projects/group%2Fname/issues", true),
        ("/projects/group%252Fname/issues", true),
        ("/projects/a%2Fb", true),
        ("/projects/admin%2Fx", true),
        ("/x%2Fy", true),
        ("/x%2F", true),
        ("/files/a%2Fb", true),
        ("/admin/a%2Fb", true),
        ("/admin%2Fx", false),
        ("/admin%252Fx", false),
        ("/admin%2F", false),
        ("/%2Fadmin", false),
        ("/%2Fadmin/", false),
        ("/%2F%2Fadmin/x", false),
        ("/projects%2F7%2Fissues", false),
        ("/files%2Fa", false),
        ("/post%2Fonly", true),
    ];
    let (mut path, mut scratch) = (Vec::new(), Vec::new());
    for (raw, is_harmless) in cases {
        assert!(canonicalize(raw.as_bytes(), &mut path).unwrap().encoded_slash, "{raw}");
        let Matched::Route(found) = table.find(&path, &request, &mut Captures::new()) else {
            panic!("{raw}")
        };
        assert_eq!(
            table.encoded_slash_is_harmless(found, &path, &request, &mut scratch),
            is_harmless,
            "{raw}"
        );
    }
}
