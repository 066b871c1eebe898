//! Elements of sets.
//!
//! An interval set holds of each interval its first key and, marked, the key after its last one, each an element of its
//! own and in any order; an interval up to the highest key has no end. Sets whose intervals are by field hold both
//! ends in one element.

use super::{
    batch::Batch,
    expression,
    kernel::{
        NFPROTO_INET, NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM, NFT_SET_ELEM_INTERVAL_END, NFTA_DATA_VALUE,
        NFTA_LIST_ELEM, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_EXPIRATION, NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_KEY,
        NFTA_SET_ELEM_KEY_END, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_TABLE,
        NFTA_SET_ELEM_OBJREF, NFTA_SET_ELEM_TIMEOUT, NLM_F_CREATE,
    },
    set::by_field,
    wire::{Attributes, Body},
};
use firewall::nft::{Element, Set, Verdict};

/// A list of elements is one attribute, below 64 KiB.
pub(super) const LIST: usize = 60_000;

/// Adds elements; those that exist stay as they are.
pub(super) fn add(batch: &mut Batch, table: &str, name: &str, set: &Set, elements: &[Element]) {
    for part in parts(set, elements) {
        let body = list(table, name, part, |body, element| write(body, set, element));
        batch.push(NFT_MSG_NEWSETELEM, NLM_F_CREATE, &body, format!("elements of set {name}"));
    }
}

/// Deletes elements; one that is not there refuses the transaction.
pub(super) fn delete(batch: &mut Batch, table: &str, name: &str, set: &Set, elements: &[Element]) {
    for part in parts(set, elements) {
        let body = list(table, name, part, |body, element| write_keys(body, set, element, |_| {}));
        batch.push(NFT_MSG_DELSETELEM, 0, &body, format!("the end of elements of set {name}"));
    }
}

/// Adds elements and begins the timeouts of those that exist anew. A kernel before 6.12 changes no timeout, and deleting
/// what is not there is an error; added, deleted and added it is there in either case, and never away.
pub(super) fn renew(batch: &mut Batch, table: &str, name: &str, set: &Set, elements: &[Element]) {
    add(batch, table, name, set, elements);
    if set.timeout {
        delete(batch, table, name, set, elements);
        add(batch, table, name, set, elements);
    }
}

/// Deletes all elements. A list that is there and empty would delete nothing.
pub(super) fn flush(batch: &mut Batch, table: &str, name: &str) {
    batch.push(NFT_MSG_DELSETELEM, 0, &named(table, name), format!("to empty set {name}"));
}

/// Table and set: the head of a message about elements.
pub(super) fn named(table: &str, name: &str) -> Body {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, name);
    body
}

/// What follows the head of a question for elements.
pub(super) fn ask(body: &mut Body, table: &str, name: &str, elements: &[Element]) {
    body.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, name);
    body.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |body| {
        for element in elements {
            body.nest(NFTA_LIST_ELEM, |body| key(body, NFTA_SET_ELEM_KEY, &element.first));
        }
    });
}

fn list(table: &str, name: &str, elements: &[Element], mut each: impl FnMut(&mut Body, &Element)) -> Body {
    let mut body = named(table, name);
    body.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |body| {
        for element in elements {
            each(body, element);
        }
    });
    body
}

/// Runs of elements that fit a list each.
pub(super) fn parts<'a>(set: &'a Set, mut elements: &'a [Element]) -> impl Iterator<Item = &'a [Element]> {
    std::iter::from_fn(move || {
        let mut room = LIST;
        let fits = |element: &&Element| {
            let left = room.checked_sub(most(set, element));
            room = left.unwrap_or(room);
            left.is_some()
        };
        let count = elements.iter().take_while(fits).count().max(1).min(elements.len());
        let (part, rest) = elements.split_at(count);
        elements = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// The most bytes that an element can take.
pub(super) fn most(set: &Set, element: &Element) -> usize {
    let key = 16 + element.first.len().next_multiple_of(4);
    let end = if set.interval { key + 8 } else { 0 };
    let verdict = match &element.verdict {
        None => 0,
        Some(Verdict::Jump(chain) | Verdict::Goto(chain)) => 32 + chain.len(),
        Some(_) => 24,
    };
    let counter = element.counter.as_ref().map_or(0, |counter| 8 + counter.len());
    key + end + verdict + counter + 12
}

fn write(body: &mut Body, set: &Set, element: &Element) {
    write_keys(body, set, element, |body| {
        if let Some(verdict) = &element.verdict {
            body.nest(NFTA_SET_ELEM_DATA, |body| expression::write_verdict(body, verdict));
        }
        if let Some(counter) = &element.counter {
            body.text(NFTA_SET_ELEM_OBJREF, counter);
        }
        if let Some(timeout) = element.timeout {
            body.u64(NFTA_SET_ELEM_TIMEOUT, timeout);
        }
    });
}

fn write_keys(body: &mut Body, set: &Set, element: &Element, more: impl FnOnce(&mut Body)) {
    body.nest(NFTA_LIST_ELEM, |body| {
        key(body, NFTA_SET_ELEM_KEY, &element.first);
        if by_field(set) && element.first != element.last {
            key(body, NFTA_SET_ELEM_KEY_END, &element.last);
        }
        more(body);
    });
    if !set.interval || by_field(set) {
        return;
    }
    if let Some(end) = after(&element.last) {
        body.nest(NFTA_LIST_ELEM, |body| {
            key(body, NFTA_SET_ELEM_KEY, &end);
            body.u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
        });
    }
}

fn key(body: &mut Body, kind: u16, bytes: &[u8]) {
    body.nest(kind, |body| _ = body.attribute(NFTA_DATA_VALUE, bytes));
}

/// An element as the kernel lists it.
pub(super) struct Listed {
    element: Element,
    end: bool,
}

/// The elements of one message.
pub(super) fn read(message: Attributes<'_>) -> impl Iterator<Item = Listed> {
    message.nest(NFTA_SET_ELEM_LIST_ELEMENTS).filter_map(|(_, element)| read_one(Attributes(element)))
}

/// None for the element of a foreign set that stands for every other key, and has no key.
fn read_one(data: Attributes<'_>) -> Option<Listed> {
    let key = |kind| data.nest(kind).get(NFTA_DATA_VALUE).map(<[u8]>::to_vec);
    let first = key(NFTA_SET_ELEM_KEY)?;
    let element = Element {
        last: key(NFTA_SET_ELEM_KEY_END).unwrap_or_else(|| first.clone()),
        first,
        verdict: data.get(NFTA_SET_ELEM_DATA).and_then(|data| expression::verdict(Attributes(data))),
        counter: data.text(NFTA_SET_ELEM_OBJREF).map(str::to_owned),
        timeout: data.u64(NFTA_SET_ELEM_TIMEOUT),
        expires: data.u64(NFTA_SET_ELEM_EXPIRATION),
    };
    Some(Listed { element, end: data.u32(NFTA_SET_ELEM_FLAGS).unwrap_or(0) & NFT_SET_ELEM_INTERVAL_END != 0 })
}

/// The elements of a set from what was listed, sorted.
pub(super) fn assemble(set: &Set, mut listed: Vec<Listed>) -> Vec<Element> {
    // At one key the end of an interval stands before the beginning of the next one.
    listed.sort_by(|a, b| a.element.first.cmp(&b.element.first).then(b.end.cmp(&a.end)));
    if !set.interval || by_field(set) {
        return listed.into_iter().map(|listed| listed.element).collect();
    }
    let mut elements: Vec<Element> = Vec::with_capacity(listed.len() / 2);
    let mut open = false;
    for Listed { element, end } in listed {
        // nft begins its own sets with an end that ends nothing.
        if let (true, Some(last)) = (open, elements.last_mut()) {
            if end {
                last.last = before(&element.first);
            } else {
                last.last.fill(u8::MAX);
            }
        }
        open = !end;
        if !end {
            elements.push(element);
        }
    }
    if let (true, Some(last)) = (open, elements.last_mut()) {
        last.last.fill(u8::MAX);
    }
    elements
}

/// The next key, as a number of many bytes; none after the highest.
fn after(key: &[u8]) -> Option<Vec<u8>> {
    let mut next = key.to_vec();
    for byte in next.iter_mut().rev() {
        let carry;
        (*byte, carry) = byte.overflowing_add(1);
        if !carry {
            return Some(next);
        }
    }
    None
}

fn before(key: &[u8]) -> Vec<u8> {
    let mut previous = key.to_vec();
    for byte in previous.iter_mut().rev() {
        let borrow;
        (*byte, borrow) = byte.overflowing_sub(1);
        if !borrow {
            break;
        }
    }
    previous
}

#[cfg(test)]
mod tests {
    use super::*;
    use firewall::nft::Field;
    use proptest::prelude::*;

    fn intervals() -> Set {
        Set { key: vec![Field::Port], interval: true, ..Set::default() }
    }

    fn through_bytes(set: &Set, elements: &[Element]) -> Vec<Element> {
        let mut listed = Vec::new();
        for part in parts(set, elements) {
            let body = list("table", "set", part, |body, element| write(body, set, element));
            assert!(!body.is_broken());
            listed.extend(read(Attributes(&body.bytes()[4..])));
        }
        listed.reverse();
        assemble(set, listed)
    }

    #[test]
    fn intervals_that_touch_stay_two() {
        let elements = [
            Element::range([0, 0], [0, 9]).to(Verdict::Accept),
            Element::range([0, 10], [0, 10]),
            Element::range([255, 0], [255, 255]),
        ];
        assert_eq!(through_bytes(&intervals(), &elements), elements);
    }

    #[test]
    fn long_lists_are_split_below_what_an_attribute_holds() {
        let set = Set { key: vec![Field::Ip4], timeout: true, ..Set::default() };
        let elements: Vec<_> = (0..10_000u32).map(|n| Element::one(n.to_be_bytes()).timeout(1000)).collect();
        assert_eq!(through_bytes(&set, &elements), elements);
        assert!(parts(&set, &elements).count() < 10);
    }

    proptest! {
        #[test]
        fn neighbours_are_inverse(key in prop::collection::vec(any::<u8>(), 1..17)) {
            prop_assert_eq!(after(&before(&key)).unwrap_or_else(|| vec![0; key.len()]), key);
        }

        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            _ = assemble(&intervals(), read(Attributes(&bytes)).collect());
            _ = assemble(&intervals(), read_one(Attributes(&bytes)).into_iter().collect());
        }
    }
}
