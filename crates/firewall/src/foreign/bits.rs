//! Registers of which some bits may be unknown, and what a comparison says about them.

use crate::nft::{Operator, Register};

/// Bytes that the registers 0 to 15 hold.
const BYTES: usize = 64;

/// An answer in three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// For every value of the unknown bits.
    Yes,
    /// For none.
    No,
    /// For some, or it is not known.
    Maybe,
}

impl Holds {
    pub(super) const fn known(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    pub(super) const fn negated_if(self, negated: bool) -> Self {
        match (self, negated) {
            (Self::Yes, true) => Self::No,
            (Self::No, true) => Self::Yes,
            (other, _) => other,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

/// A value of which the bits in `known` are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    value: Vec<u8>,
    known: Vec<u8>,
}

impl Bits {
    pub(super) fn known(value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        Self { known: vec![0xff; value.len()], value }
    }

    pub(super) fn partly(value: impl Into<Vec<u8>>, known: impl Into<Vec<u8>>) -> Self {
        let (mut value, known) = (value.into(), known.into());
        for (byte, mask) in value.iter_mut().zip(&known) {
            *byte &= mask;
        }
        Self { value, known }
    }

    pub(super) fn unknown(length: usize) -> Self {
        Self { value: vec![0; length], known: vec![0; length] }
    }

    /// `length` bytes from `offset`; what lies beyond the end is unknown.
    pub(super) fn slice(&self, offset: usize, length: usize) -> Self {
        let byte = |from: &[u8], at: usize| from.get(offset.saturating_add(at)).copied().unwrap_or(0);
        Self {
            value: (0..length).map(|at| byte(&self.value, at)).collect(),
            known: (0..length).map(|at| byte(&self.known, at)).collect(),
        }
    }

    /// `self & mask ^ xor`: bits that the mask clears are known to be zero.
    pub(super) fn masked(&self, mask: &[u8], xor: &[u8]) -> Self {
        let at = |from: &[u8], index: usize| from.get(index).copied().unwrap_or(0);
        let pairs = self.value.iter().zip(&self.known).enumerate();
        let (value, known) = pairs
            .map(|(index, (value, known))| {
                let known = known | !at(mask, index);
                (((value & at(mask, index)) ^ at(xor, index)) & known, known)
            })
            .unzip();
        Self { value, known }
    }

    pub(super) fn equals(&self, other: &[u8]) -> Holds {
        let mut certain = true;
        for (index, wanted) in other.iter().enumerate() {
            let (value, known) = (self.value.get(index).copied(), self.known.get(index).copied());
            let (value, known) = (value.unwrap_or(0), known.unwrap_or(0));
            if (value ^ wanted) & known != 0 {
                return Holds::No;
            }
            certain &= known == 0xff;
        }
        if certain { Holds::Yes } else { Holds::Maybe }
    }

    /// The lowest and the highest value that the unknown bits allow, as bytes in the order of the network.
    fn bounds(&self) -> (Vec<u8>, Vec<u8>) {
        (
            self.value.clone(),
            self.value.iter().zip(&self.known).map(|(value, known)| value | !known).collect(),
        )
    }

    pub(super) fn within(&self, first: &[u8], last: &[u8]) -> Holds {
        if first == last {
            return self.equals(first);
        }
        let (low, high) = self.slice(0, first.len()).bounds();
        if low.as_slice() >= first && high.as_slice() <= last {
            Holds::Yes
        } else if high.as_slice() < first || low.as_slice() > last {
            Holds::No
        } else {
            Holds::Maybe
        }
    }

    pub(super) fn compare(&self, operator: Operator, value: &[u8]) -> Holds {
        let zero = vec![0; value.len()];
        let last = vec![0xff; value.len()];
        match operator {
            Operator::Equal => self.equals(value),
            Operator::NotEqual => self.equals(value).negated_if(true),
            Operator::LessOrEqual => self.within(&zero, value),
            Operator::Greater => self.within(&zero, value).negated_if(true),
            Operator::GreaterOrEqual => self.within(value, &last),
            Operator::Less => self.within(value, &last).negated_if(true),
        }
    }

    /// The value, where every bit of it is known.
    pub(super) fn certain(&self) -> Option<&[u8]> {
        self.known.iter().all(|known| *known == 0xff).then_some(&self.value)
    }
}

/// The registers of one rule.
#[derive(Clone, Debug)]
pub(super) struct Registers(Bits);

impl Registers {
    pub(super) fn new() -> Self {
        Self(Bits::unknown(BYTES))
    }

    pub(super) fn load(&self, from: Register, length: usize) -> Bits {
        self.0.slice(usize::from(from.0) * 4, length)
    }

    pub(super) fn store(&mut self, to: Register, bits: &Bits) {
        let start = usize::from(to.0) * 4;
        for (index, (value, known)) in bits.value.iter().zip(&bits.known).enumerate() {
            if let (Some(at), Some(mask)) =
                (self.0.value.get_mut(start + index), self.0.known.get_mut(start + index))
            {
                (*at, *mask) = (*value, *known);
            }
        }
    }

    /// Forgets everything: an expression that is not understood may have written anywhere.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::{Bits, Holds};
    use crate::nft::Operator;

    #[test]
    fn unknown_bits_that_a_mask_clears_do_not_matter() {
        let flags = Bits::partly([0x02], [0x3f]);
        assert_eq!(flags.equals(&[0x02]), Holds::Maybe);
        assert_eq!(flags.masked(&[0x17], &[0]).equals(&[0x02]), Holds::Yes);
        assert_eq!(flags.masked(&[0x17], &[0]).equals(&[0x12]), Holds::No);
    }

    #[test]
    fn orders_hold_where_every_value_does() {
        let known = Bits::known([0x01, 0xbb]);
        assert_eq!(known.compare(Operator::Less, &[0x01, 0xbc]), Holds::Yes);
        assert_eq!(known.compare(Operator::Greater, &[0x01, 0xbb]), Holds::No);
        assert_eq!(known.within(&[0x01, 0x00], &[0x01, 0xff]), Holds::Yes);
        assert_eq!(Bits::unknown(2).within(&[0x01, 0x00], &[0x01, 0xff]), Holds::Maybe);
        assert_eq!(Bits::unknown(2).within(&[0, 0], &[0xff, 0xff]), Holds::Yes);
    }
}
