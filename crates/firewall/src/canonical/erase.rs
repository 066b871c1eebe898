//! Equality of verdicts: the canonical form without the names of the rules that decide.

use super::{Admission, Canonical, Directed, DomainRule, KeyCell, Matrix, PeerCell, Protocols};
use crate::addresses::Family;
use model::plan::RuleId;

impl Canonical {
    /// Whether both judge every packet alike, whichever rule decides. The names of rules with a limit count: each
    /// rule has its own buckets.
    #[must_use]
    pub fn verdicts_equal(&self, other: &Self) -> bool {
        self == other || self.erased() == other.erased()
    }

    /// The form without the names of rules that only attribute.
    pub(crate) fn erased(&self) -> Self {
        let mut form = self.clone();
        form.inbound.erase();
        for directed in [&mut form.outbound, &mut form.container_outbound].into_iter().flatten() {
            directed.erase();
        }
        form.domains.iter_mut().for_each(|domain| domain.rule = nobody());
        let covered = form.domains.clone();
        form.domains.retain(|domain| !covered.iter().any(|other| other != domain && covers(other, domain)));
        form.domains.sort_unstable();
        form.domains.dedup();
        form.local.values_mut().for_each(|users| users.service.clear());
        form
    }
}

const fn nobody() -> RuleId {
    RuleId(String::new())
}

/// Whether a rule to a name says all that another says.
fn covers(wide: &DomainRule, narrow: &DomainRule) -> bool {
    let same = (&wide.name, wide.containers) == (&narrow.name, narrow.containers);
    same && match (wide.traffic, narrow.traffic) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => wide.0 == narrow.0 && wide.1 <= narrow.1 && narrow.2 <= wide.2,
    }
}

impl Directed {
    fn erase(&mut self) {
        self.elsewhere.erase();
        self.interfaces.values_mut().for_each(Matrix::erase);
        let elsewhere = &self.elsewhere;
        self.interfaces.retain(|_, matrix| matrix != elsewhere);
    }
}

impl Matrix {
    fn erase(&mut self) {
        for family in Family::BOTH {
            self.of_mut(family).erase();
        }
    }
}

impl Protocols {
    fn erase(&mut self) {
        erase_peers(&mut self.rest);
        self.plain.values_mut().for_each(erase_peers);
        let rest = &self.rest;
        self.plain.retain(|_, peers| peers != rest);
        self.keyed.values_mut().for_each(erase_keys);
    }
}

fn erase_keys(cells: &mut Vec<KeyCell>) {
    cells.iter_mut().for_each(|cell| erase_peers(&mut cell.peers));
    cells.dedup_by(|next, before| {
        let joins = before.last.checked_add(1) == Some(next.first) && before.peers == next.peers;
        if joins {
            before.last = next.last;
        }
        joins
    });
}

fn erase_peers(cells: &mut Vec<PeerCell>) {
    for cell in cells.iter_mut() {
        if let Admission::Open(rule) = &mut cell.admission {
            *rule = nobody();
        }
    }
    cells.dedup_by(|next, before| {
        let joins = before.last.checked_add(1) == Some(next.first) && before.admission == next.admission;
        if joins {
            before.last = next.last;
        }
        joins
    });
}
