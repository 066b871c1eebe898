//! Elements of live sets: bans, grants, the trial of a change. One costs one small message, whatever the set holds.

use super::{
    Nft,
    batch::Batch,
    element,
    error::{NftError, Refused},
    kernel::{NFPROTO_INET, NFT_MSG_GETSETELEM},
    read,
    wire::Body,
};
use firewall::nft::{Element, Set};

/// Transactions of elements are small enough that others wait for no more than a moment.
const TRANSACTION: usize = 8 << 20;

/// A set of a table, for changes of its elements alone.
#[derive(Clone, Copy, Debug)]
pub struct SetOf<'a> {
    /// The name of the table.
    pub table: &'a str,
    /// The name of the set.
    pub name: &'a str,
    /// Its kind; the elements of this value do not matter.
    pub set: &'a Set,
}

impl Nft {
    /// Adds elements; those that are there stay. So many that they do not fit one transaction are added in several.
    ///
    /// Intervals must be disjoint from one another and from those that are there: the kernel refuses most overlaps, but
    /// takes those with an interval up to the highest key, and then shows another set than it matches.
    ///
    /// # Errors
    ///
    /// Of several transactions those before the refused one are in force.
    pub fn add_elements(&mut self, set: SetOf<'_>, elements: &[Element]) -> Result<(), Refused> {
        self.in_transactions(set, elements, element::add)
    }

    /// Adds elements, and begins the timeouts of those anew that are there. As [`Nft::add_elements`] otherwise.
    ///
    /// # Errors
    ///
    /// Of several transactions those before the refused one are in force.
    pub fn renew_elements(&mut self, set: SetOf<'_>, elements: &[Element]) -> Result<(), Refused> {
        self.in_transactions(set, elements, element::renew)
    }

    /// Deletes elements.
    ///
    /// # Errors
    ///
    /// Where one is not there; of several transactions those before the refused one are in force.
    pub fn delete_elements(&mut self, set: SetOf<'_>, elements: &[Element]) -> Result<(), Refused> {
        self.in_transactions(set, elements, element::delete)
    }

    /// Deletes all elements of a set.
    ///
    /// # Errors
    ///
    /// Nothing changed.
    pub fn flush(&mut self, table: &str, set: &str) -> Result<(), Refused> {
        let mut batch = Batch::default();
        element::flush(&mut batch, table, set);
        self.channel.commit(&batch, None)
    }

    /// The elements of a set, sorted, with what is left of their timeouts. The kernel walks a hash set from its beginning
    /// for each datagram, so the time grows with the square of their number: seconds for a hundred thousand.
    ///
    /// # Errors
    ///
    /// Where the socket fails, or the rules change faster than they can be read.
    pub fn elements(&mut self, set: SetOf<'_>) -> Result<Vec<Element>, NftError> {
        let mut found = Set { elements: Vec::new(), ..set.set.clone() };
        read::elements(&mut self.channel, usize::MAX, (NFPROTO_INET, set.table), set.name, &mut found)?;
        Ok(found.elements)
    }

    /// An element of a set that is not of intervals, by its key; `None` where it is not there. Costs the same whatever the
    /// set holds.
    ///
    /// # Errors
    ///
    /// Where the socket fails, or there is no such set.
    pub fn find(&mut self, set: SetOf<'_>, key: &[u8]) -> Result<Option<Element>, NftError> {
        let asked = [Element::one(key)];
        let ask = |body: &mut Body| element::ask(body, set.table, set.name, &asked);
        let what = format!("an element of set {}", set.name);
        let listing = self.channel.get(NFT_MSG_GETSETELEM, NFPROTO_INET, &what, ask)?;
        let listed = listing.messages().flat_map(|message| element::read(message.attributes())).collect();
        Ok(element::assemble(set.set, listed).pop())
    }

    fn in_transactions(
        &mut self,
        set: SetOf<'_>,
        elements: &[Element],
        write: fn(&mut Batch, &str, &str, &Set, &[Element]),
    ) -> Result<(), Refused> {
        // Below the limit by what one more list can take, three times where each is renewed.
        let most = (self.channel.limit() / 2).min(TRANSACTION).saturating_sub(4 * element::LIST);
        let mut batch = Batch::default();
        for part in element::parts(set.set, elements) {
            write(&mut batch, set.table, set.name, set.set, part);
            if batch.length() >= most {
                self.channel.commit(&std::mem::take(&mut batch), None)?;
            }
        }
        self.channel.commit(&batch, None)
    }
}
