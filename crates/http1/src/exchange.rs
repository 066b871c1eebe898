//! One exchange, from the judged request to what becomes of both connections afterwards.
//!
//! The machine knows which bytes have moved, so it alone answers the questions that go wrong when they are asked in
//! several places: may this be tried again, may this connection carry another message?

use crate::body::BodyReader;
use crate::request::Request;
use crate::response::Response;

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNext {
    /// It carries the next request.
    KeepAlive,
    /// The rest of the request's body has to be read and dropped first.
    Drain,
    /// It is closed.
    Close,
}

/// What becomes of the instance's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceNext {
    /// It goes back to the pool.
    Reuse,
    /// It is closed.
    Discard,
}

/// One exchange.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Reads the request's body from the client.
    pub request: BodyReader,
    /// Reads the response's body from the instance.
    pub response: BodyReader,
    client_keep_alive: bool,
    instance_keep_alive: bool,
    continue_owed: bool,
    body_consumed: bool,
    idempotent: bool,
    response_started: bool,
}

impl Exchange {
    /// Starts an exchange for a judged request whose head is in `head`.
    pub fn start(&mut self, request: &Request, head: &[u8]) {
        *self = Self {
            request: BodyReader::new(request.body),
            response: BodyReader::Done,
            client_keep_alive: request.keep_alive,
            instance_keep_alive: false,
            continue_owed: request.expects_continue,
            body_consumed: false,
            idempotent: is_idempotent(request.method.of(head)),
            response_started: false,
        };
    }

    /// Whether the client waits for `100 Continue` and its body is wanted now. True at most once.
    pub fn take_continue(&mut self) -> bool {
        std::mem::take(&mut self.continue_owed) && !self.request.is_done()
    }

    /// Whether the client may be waiting to be told to continue, and so sends nothing for a good reason.
    #[must_use]
    pub fn owes_continue(&self) -> bool {
        self.continue_owed && !self.request.is_done()
    }

    /// Notes that the client need not be told to continue: an instance told it, or its body is already arriving.
    pub fn continued(&mut self) {
        self.continue_owed = false;
    }

    /// Notes that bytes of the request's body were taken from the client's buffer and cannot be sent again.
    pub fn body_consumed(&mut self) {
        self.body_consumed = true;
    }

    /// Whether the request may be sent once more, to another connection (RFC 9110 section 9.2.2).
    ///
    /// `untouched` says that the instance cannot have seen any byte of it.
    #[must_use]
    pub fn may_retry(&self, untouched: bool) -> bool {
        !self.response_started && !self.body_consumed && (untouched || self.idempotent)
    }

    /// Notes the head of the final response.
    pub fn responded(&mut self, response: &Response) {
        self.response_started = true;
        self.instance_keep_alive = response.keep_alive;
        self.response = BodyReader::new(response.body);
    }

    /// Notes that the client's connection has to end with this exchange.
    pub fn close_client(&mut self) {
        self.client_keep_alive = false;
    }

    /// Whether the client's connection is meant to stay open.
    #[must_use]
    pub fn client_keeps_alive(&self) -> bool {
        self.client_keep_alive
    }

    /// What becomes of the client's connection once the response is written.
    #[must_use]
    pub fn client_next(&self) -> ClientNext {
        if !self.client_keep_alive {
            ClientNext::Close
        } else if self.request.is_done() {
            ClientNext::KeepAlive
        } else if self.continue_owed {
            // The client may or may not send its body now: only a new connection is unambiguous.
            ClientNext::Close
        } else {
            ClientNext::Drain
        }
    }

    /// What becomes of the instance's connection. `leftover` says that it sent bytes beyond its response.
    #[must_use]
    pub fn instance_next(&self, leftover: bool) -> InstanceNext {
        let complete = self.request.is_done() && self.response.is_done() && self.response_started;
        if complete && self.instance_keep_alive && !leftover {
            InstanceNext::Reuse
        } else {
            InstanceNext::Discard
        }
    }
}

/// Whether a method is idempotent (RFC 9110 section 9.2.2).
fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeadLimits;

    fn exchange(head: &str) -> Exchange {
        let (mut request, mut exchange) = (Request::default(), Exchange::default());
        request.parse(head.as_bytes(), &HeadLimits::default()).expect("a good head");
        exchange.start(&request, head.as_bytes());
        exchange
    }

    #[test]
    fn only_what_cannot_have_been_done_twice_is_retried() {
        let get = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(get.may_retry(false));
        let mut post = exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
        assert!(post.may_retry(true));
        assert!(!post.may_retry(false));
        post.body_consumed();
        assert!(!post.may_retry(true));
    }

    #[test]
    fn a_client_that_waits_to_continue_is_closed_when_answered_early() {
        let mut put =
            exchange("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(put.client_next(), ClientNext::Close);
        assert!(put.take_continue());
        assert!(!put.take_continue());
        assert_eq!(put.client_next(), ClientNext::Drain);
    }

    #[test]
    fn an_instance_is_reused_only_after_a_complete_exchange() {
        let mut get = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(get.instance_next(false), InstanceNext::Discard);
        let mut response = Response::default();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        response.parse(head, false, &HeadLimits::default()).expect("a good head");
        get.responded(&response);
        assert_eq!(get.instance_next(false), InstanceNext::Reuse);
        assert_eq!(get.instance_next(true), InstanceNext::Discard);
    }
}
