//! What a request needs while it is answered, reused from request to request on a thread.

use crate::fastcgi::Script;
use crate::forward::{Gathered, Pump};
use crate::grpc::Translator;
use crate::request::Facts;
use crate::service::Instance;
use http1::{Exchange, Request, Response};
use std::cell::RefCell;
use std::rc::Rc;
use wire::grpc_web::Form;

/// How many are kept for reuse on a thread.
const KEPT: usize = 512;
/// A vector that grew beyond this is not kept.
const LARGEST: usize = 64 << 10;

thread_local! {
    #[expect(clippy::vec_box, reason = "a box is lent and given back as it is")]
    static POOL: RefCell<Vec<Box<Working>>> = const { RefCell::new(Vec::new()) };
}

/// The parts that a request is answered with.
#[derive(Debug, Default)]
pub(crate) struct Working {
    /// The head of the request, copied out of the client's buffer.
    pub(crate) head: Vec<u8>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    pub(crate) exchange: Exchange,
    pub(crate) facts: Facts,
    /// Client to instance.
    pub(crate) upload: Pump,
    /// Instance to client.
    pub(crate) download: Pump,
    /// Instances that were tried for this request.
    pub(crate) tried: Vec<Rc<Instance>>,
    /// Whether the request is a call of gRPC, to an instance that speaks HTTP/2 as calls need.
    pub(crate) call: bool,
    /// The script that answers, where the service has some.
    pub(crate) script: Option<Script>,
    /// The request's body, where it was read before an instance was asked.
    pub(crate) gathered: Option<Gathered>,
    /// The form of gRPC-Web that is translated.
    pub(crate) web: Option<Form>,
    /// What the request's body goes through on its way to the instance.
    pub(crate) translator: Option<Translator>,
    pub(crate) outcome: Outcome,
}

/// What the log says of a request, beyond what the head says.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// What a call of gRPC ended with.
    pub(crate) grpc_status: Option<u32>,
    pub(crate) site: Option<usize>,
    pub(crate) service: Option<usize>,
    pub(crate) instance: Option<Rc<Instance>>,
    /// The rule that refused.
    pub(crate) rule: Option<&'static str>,
    /// What went wrong with an instance.
    pub(crate) error: Option<String>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Lends a [`Working`] until it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(Option<Box<Working>>);

impl Scratch {
    pub(crate) fn take() -> Self {
        Self(Some(POOL.with_borrow_mut(Vec::pop).unwrap_or_default()))
    }
}

impl std::ops::Deref for Scratch {
    type Target = Working;

    fn deref(&self) -> &Working {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Working {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(mut working) = self.0.take() else { return };
        working.tried.clear();
        (working.script, working.gathered) = (None, None);
        (working.web, working.translator) = (None, None);
        working.outcome = Outcome::default();
        for bytes in [&mut working.head, &mut working.upload.lead, &mut working.download.lead] {
            bytes.clear();
            bytes.shrink_to(LARGEST);
        }
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT {
                pool.push(working);
            }
        });
    }
}
