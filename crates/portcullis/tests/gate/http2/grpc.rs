//! gRPC through the gate: calls of every shape, and refusals that its clients understand.

use super::client::H2;
use super::requests::gate;
use http::Request;

fn call(path: &str) -> Request<()> {
    Request::post(format!("http://a.test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

#[test]
fn refusals_are_answers_that_grpc_understands() {
    let gate = gate("routes.\"/there\" = { service = \"127.0.0.1:1\" }\n");
    let client = H2::of(&gate);
    for (path, status) in [("/nowhere/Call", "12"), ("/there", "14")] {
        let answer = client.exchange(call(path), Some(b"\0\0\0\0\0")).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.value("grpc-status"), Some(status), "{path}");
        assert_eq!(answer.value("content-type"), Some("application/grpc"));
        assert!(answer.value("grpc-message").is_some_and(|text| !text.is_empty()));
        assert!(answer.body.is_empty());
    }
}
