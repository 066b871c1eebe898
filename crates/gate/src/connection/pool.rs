//! Places for the state of busy connections, reused from one to the next.
//!
//! What a request needs between two polls is much, so an idle connection does without it. A place is lent for as long
//! as a connection has something to do, so their number follows the requests in flight and not the connections, and
//! in steady state none is allocated.

use super::{After, Client};
use crate::worker::deadlines::Tick;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Places that are kept for reuse.
const KEPT: usize = 256;

/// Makes the work of a busy connection.
type Make<F> = fn(Box<Client>, Option<Tick>) -> F;

/// Places for futures of one type.
pub(crate) struct Pool<F> {
    make: Make<F>,
    free: RefCell<Vec<Pin<Box<Option<F>>>>>,
}

impl<F> fmt::Debug for Pool<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("free", &self.free.borrow().len()).finish_non_exhaustive()
    }
}

impl<F: Future<Output = (Box<Client>, After)>> Pool<F> {
    pub(super) fn new(make: Make<F>) -> Self {
        Self { make, free: RefCell::new(Vec::new()) }
    }

    /// Lets a connection do its work in one of the places.
    pub(super) async fn run(&self, client: Box<Client>, first: Option<Tick>) -> (Box<Client>, After) {
        let mut place = self.free.borrow_mut().pop().unwrap_or_else(|| Box::pin(None));
        place.set(Some((self.make)(client, first)));
        let work = place.as_mut().as_pin_mut().expect("the work was just put there");
        let done = work.await;
        place.set(None);
        let mut free = self.free.borrow_mut();
        if free.len() < KEPT {
            free.push(place);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The work is copied into its place for each request, and there is one for each request in flight: what is seldom
    /// needed belongs into a box.
    #[test]
    fn a_place_is_small() {
        fn size<F>(_: Make<F>) -> usize {
            size_of::<F>()
        }
        let size = size(Client::busy);
        assert!(size <= 2048, "{size} bytes");
    }
}
