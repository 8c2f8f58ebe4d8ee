//! What needs more than one word: who opened it, who has agreed, under which terms it stands.
//!
//! The one mechanism for filings, goods notes and movements. Knows mandates and time, not what is decided.

use super::{
    parties::{Registry, mandate::Mandate},
    terms::Epoch,
};
use crate::{
    codec::{Decode, Encode, List},
    refusal::Refusal,
    types::{MemberId, TimestampMs},
};

/// Most members that agree to one matter: its mandate has fewer places, and a filing keeps the words of several
/// property companies.
pub(super) const AGREED_MAX: usize = 9;

/// Something that waits for the words of others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Matter<A> {
    /// What they are asked for: a movement, or the hash of a document.
    pub act: A,
    /// Who asked.
    pub by: MemberId,
    /// When, in block time.
    pub opened: TimestampMs,
    /// The terms that it stands under.
    pub terms: Epoch,
    /// Who has agreed since, in order.
    pub agreed: List<MemberId, AGREED_MAX>,
}

impl<A> Matter<A> {
    /// Nobody but its author has spoken.
    pub(super) fn open(act: A, by: MemberId, opened: TimestampMs, terms: Epoch) -> Self {
        Self { act, by, opened, terms, agreed: List::default() }
    }

    /// All words for it; the first is of whoever asked.
    pub(super) fn words(&self) -> Vec<MemberId> {
        std::iter::once(self.by).chain(self.agreed.iter().copied()).collect()
    }

    /// Takes the word of a member in who may agree. Says whether no word is missing any more.
    ///
    /// # Errors
    /// [`Refusal::AlreadyApproved`] where it has agreed already, or no more words are kept; else as
    /// [`Mandate::may_agree`].
    pub(super) fn agree(
        &mut self,
        mandate: &Mandate,
        registry: Registry<'_>,
        author: MemberId,
    ) -> Result<bool, Refusal> {
        if self.agreed.contains(&author) {
            return Err(Refusal::AlreadyApproved {});
        }
        mandate.may_agree(registry, &self.words(), author)?;
        self.keep(author)?;
        Ok(mandate.is_met(registry, &self.words()))
    }

    /// Keeps a word that has been judged.
    ///
    /// # Errors
    /// [`Refusal::AlreadyApproved`] where no more words are kept.
    pub(super) fn keep(&mut self, author: MemberId) -> Result<(), Refusal> {
        let agreed = [&*self.agreed, &[author]].concat();
        self.agreed = List::new(agreed).map_err(|_| Refusal::AlreadyApproved {})?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fund::parties::{Role, mandate::tests::members},
        refusal::Party,
    };

    #[test]
    fn a_matter_is_open_until_no_word_is_missing() {
        let members = members();
        let registry = Registry(&members);
        let id = MemberId::new;
        let by = |role| {
            let found = members.iter().find(|(_, member)| member.role == role);
            found.map(|(id, _)| *id).expect("there is one")
        };
        let (property, committee) = (by(Role::Property), by(Role::Committee));
        let (supplier, leader) = (by(Role::Supplier), by(Role::Leader));
        let mandate = Mandate::filing(leader, supplier);
        let mut matter = Matter::open("filing", leader, TimestampMs::ZERO, 0);
        assert_eq!(matter.agree(&mandate, registry, committee), Ok(false));
        let again = matter.agree(&mandate, registry, committee);
        assert_eq!(again, Err(Refusal::AlreadyApproved {}));
        let own = matter.agree(&mandate, registry, leader);
        assert_eq!(own, Err(Refusal::SubmitterMayNotApprove {}));
        let auditor = matter.agree(&mandate, registry, id(4));
        let needed = Party::BoardOrFiledSupplier;
        assert_eq!(auditor, Err(Refusal::WrongRole { needed }));
        assert_eq!(matter.agree(&mandate, registry, supplier), Ok(false));
        assert_eq!(matter.agree(&mandate, registry, property), Ok(true));
        assert_eq!(matter.words(), [leader, committee, supplier, property]);
    }

    #[test]
    fn no_more_words_are_kept_than_there_is_room_for() {
        let mut matter = Matter::open((), MemberId::ZERO, TimestampMs::ZERO, 0);
        for id in 1..=9 {
            assert_eq!(matter.keep(MemberId::new(id)), Ok(()));
        }
        assert_eq!(matter.keep(MemberId::new(10)), Err(Refusal::AlreadyApproved {}));
        assert_eq!(matter.agreed.len(), 9, "none is lost");
    }
}
