//! Who has to agree: a mandate is a list of places, each filled by the word of another member.
//!
//! Source: docs/fund-rules.md rules G2, G21, G32.

use super::{Registry, Role};
use crate::{
    refusal::{Party, Refusal},
    types::MemberId,
};

/// Whose word fills a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fund) enum Who {
    /// This member's.
    Member(MemberId),
    /// Of whoever has this role.
    Role(Role),
    /// Of anybody but leaders.
    Organisation,
}

impl Who {
    fn is(self, registry: Registry<'_>, member: MemberId) -> bool {
        match self {
            Self::Member(id) => member == id,
            Self::Role(role) => registry.role(member) == Some(role),
            Self::Organisation => registry.role(member).is_some_and(Role::is_organisation),
        }
    }
}

/// One word that is needed.
#[derive(Debug, Clone, Copy)]
struct Place {
    who: Who,
    /// Somebody else whose word does as well.
    or: Option<Who>,
    /// The member must not be related to whoever asked.
    unrelated: bool,
}

impl Place {
    fn of(who: Who) -> Self {
        Self { who, or: None, unrelated: false }
    }

    fn or(self, who: Who) -> Self {
        Self { or: Some(who), ..self }
    }

    fn unrelated(self) -> Self {
        Self { unrelated: true, ..self }
    }

    fn is_for(&self, registry: Registry<'_>, member: MemberId) -> bool {
        self.who.is(registry, member) || self.or.is_some_and(|who| who.is(registry, member))
    }
}

/// Whose words something needs.
#[derive(Debug)]
pub(in crate::fund) struct Mandate {
    places: Vec<Place>,
    /// Whoever asks fills the first place; else any of them.
    first_asks: bool,
    /// What is said to somebody who may not ask for it.
    may_not_ask: Refusal,
    /// What is said to somebody whose word is none of those that are missing.
    not_missing: Refusal,
}

const PROPERTY: Who = Who::Role(Role::Property);
const COMMITTEE: Who = Who::Role(Role::Committee);

impl Mandate {
    /// One asks, then one that is unrelated to it agrees.
    fn then(asks: Who, may_not_ask: Refusal, agrees: Place, needed: Party) -> Self {
        Self {
            places: vec![Place::of(asks), agrees.unrelated()],
            first_asks: true,
            may_not_ask,
            not_missing: Refusal::WrongRole { needed },
        }
    }

    /// A filing opens with the words of property, committee and supplier (G21); each of them can end it.
    pub(in crate::fund) fn filing(leader: MemberId, supplier: MemberId) -> Self {
        let places = [
            Place::of(PROPERTY).unrelated(),
            Place::of(COMMITTEE).unrelated(),
            Place::of(Who::Member(supplier)),
        ];
        Self::filed(leader, &places, Party::BoardOrFiledSupplier)
    }

    /// The part of [`Mandate::filing`] that is the board's.
    pub(in crate::fund) fn approval(leader: MemberId) -> Self {
        let places = [Place::of(PROPERTY).unrelated(), Place::of(COMMITTEE).unrelated()];
        Self::filed(leader, &places, Party::Board)
    }

    /// The part of [`Mandate::filing`] that is the supplier's.
    pub(in crate::fund) fn acceptance(leader: MemberId, supplier: MemberId) -> Self {
        Self::filed(leader, &[Place::of(Who::Member(supplier))], Party::FiledSupplier)
    }

    /// What the leader files, then others agree to, in any order.
    fn filed(leader: MemberId, agree: &[Place], needed: Party) -> Self {
        let mut places = vec![Place::of(Who::Member(leader))];
        places.extend(agree);
        Self {
            places,
            first_asks: true,
            may_not_ask: Refusal::NotTheLeader { leader },
            not_missing: Refusal::WrongRole { needed },
        }
    }

    /// Goods are received with the words of both sides, either first (G32).
    pub(in crate::fund) fn goods_note(leader: MemberId, supplier: MemberId) -> Self {
        Self {
            places: vec![
                Place::of(Who::Member(supplier)),
                Place::of(Who::Member(leader)).or(PROPERTY),
            ],
            first_asks: false,
            may_not_ask: Refusal::WrongRole { needed: Party::Receiver },
            not_missing: Refusal::WrongRole { needed: Party::OtherSideOfNote },
        }
    }

    /// The custodian of the channel asks, any other organisation agrees.
    pub(in crate::fund) fn custodian(custodian: MemberId) -> Self {
        let refusal = Refusal::NotTheCustodian { custodian };
        let other = Place::of(Who::Organisation);
        Self::then(Who::Member(custodian), refusal, other, Party::OtherOrganisation)
    }

    /// The custodian that gives asks, the custodian that gets agrees (G43).
    pub(in crate::fund) fn custodians(gives: MemberId, gets: MemberId) -> Self {
        if gives == gets {
            return Self::custodian(gives);
        }
        let refusal = Refusal::NotTheCustodian { custodian: gives };
        let getter = Place::of(Who::Member(gets));
        Self::then(Who::Member(gives), refusal, getter, Party::OtherChannelCustodian)
    }

    /// Property asks, committee agrees.
    pub(in crate::fund) fn property_then_committee() -> Self {
        let refusal = Refusal::WrongRole { needed: Party::Property };
        Self::then(PROPERTY, refusal, Place::of(COMMITTEE), Party::Committee)
    }

    /// Property and committee, either first.
    pub(in crate::fund) fn board() -> Self {
        Self {
            places: vec![Place::of(PROPERTY).unrelated(), Place::of(COMMITTEE).unrelated()],
            first_asks: false,
            may_not_ask: Refusal::WrongRole { needed: Party::Board },
            not_missing: Refusal::WrongRole { needed: Party::OtherOfBoard },
        }
    }

    /// The leader asks, the custodian of the channel agrees.
    pub(in crate::fund) fn leader_then_custodian(leader: MemberId, custodian: MemberId) -> Self {
        let refusal = Refusal::NotTheLeader { leader };
        let custodian = Place::of(Who::Member(custodian));
        Self::then(Who::Member(leader), refusal, custodian, Party::ChannelCustodian)
    }

    /// The leader asks, property or committee agrees.
    pub(in crate::fund) fn leader_then_board(leader: MemberId) -> Self {
        let refusal = Refusal::NotTheLeader { leader };
        let board = Place::of(PROPERTY).or(COMMITTEE);
        Self::then(Who::Member(leader), refusal, board, Party::Board)
    }

    /// Whether this member may ask for it.
    ///
    /// # Errors
    /// The [`Refusal`] for whoever may not.
    pub(in crate::fund) fn may_ask(
        &self,
        registry: Registry<'_>,
        author: MemberId,
    ) -> Result<(), Refusal> {
        let asking = if self.first_asks { &self.places[..1] } else { &self.places[..] };
        if asking.iter().any(|place| place.is_for(registry, author)) {
            Ok(())
        } else {
            Err(self.may_not_ask.clone())
        }
    }

    /// Whether this member's word is one of those that are missing beside `words`, so that it may end the
    /// matter, or agree if it is not related; the first of the words is of whoever asked.
    ///
    /// # Errors
    /// The [`Refusal`] for whoever asked itself, and for whoever is not asked for.
    pub(in crate::fund) fn is_missing(
        &self,
        registry: Registry<'_>,
        words: &[MemberId],
        author: MemberId,
    ) -> Result<(), Refusal> {
        if words.first() == Some(&author) {
            return Err(Refusal::SubmitterMayNotApprove {});
        }
        if self.helps(registry, words, author, Relations::Ignored) {
            Ok(())
        } else {
            Err(self.not_missing.clone())
        }
    }

    /// Whether this member may agree: its word is missing, and it is not related to whoever asked where that
    /// matters.
    ///
    /// # Errors
    /// The [`Refusal`] for whoever may not.
    pub(in crate::fund) fn may_agree(
        &self,
        registry: Registry<'_>,
        words: &[MemberId],
        author: MemberId,
    ) -> Result<(), Refusal> {
        self.is_missing(registry, words, author)?;
        match words.first() {
            Some(asker) if !self.helps(registry, words, author, Relations::Barred) => {
                Err(Refusal::Related { other: *asker })
            }
            _ => Ok(()),
        }
    }

    /// Whether nobody's word is missing.
    pub(in crate::fund) fn is_met(&self, registry: Registry<'_>, words: &[MemberId]) -> bool {
        self.filled(registry, words, Relations::Barred) == self.places.len()
    }

    /// Whether one more word fills one more place.
    fn helps(
        &self,
        registry: Registry<'_>,
        words: &[MemberId],
        author: MemberId,
        relations: Relations,
    ) -> bool {
        let with = [words, &[author]].concat();
        self.filled(registry, &with, relations) > self.filled(registry, words, relations)
    }

    /// How many places the words fill, each by another: the size of a largest matching, so that it does not
    /// matter in which order people speak.
    fn filled(&self, registry: Registry<'_>, words: &[MemberId], relations: Relations) -> usize {
        let fits: Vec<Vec<bool>> = (0..words.len())
            .map(|word| {
                let fits = |at| self.fits(registry, words, word, at, relations);
                (0..self.places.len()).map(fits).collect()
            })
            .collect();
        let mut by = vec![None; self.places.len()];
        (0..words.len())
            .filter(|word| {
                let mut tried = vec![false; by.len()];
                place(&fits, *word, &mut by, &mut tried)
            })
            .count()
    }

    /// Whether a word may fill a place.
    fn fits(
        &self,
        registry: Registry<'_>,
        words: &[MemberId],
        word: usize,
        at: usize,
        relations: Relations,
    ) -> bool {
        // Whoever asked stands in the first place, and nobody else.
        let reserved = self.first_asks && (at == 0) != (word == 0);
        let place = &self.places[at];
        let related = || word > 0 && registry.are_related(words[word], words[0]);
        let barred = relations == Relations::Barred && place.unrelated && related();
        !reserved && !barred && place.is_for(registry, words[word])
    }
}

/// Whether a relation to whoever asked keeps a word from a place that must be filled by somebody unrelated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relations {
    Barred,
    Ignored,
}

/// Finds a place for a word, moving others where they fit as well (Kuhn's algorithm).
fn place(fits: &[Vec<bool>], word: usize, by: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for at in 0..by.len() {
        if tried[at] || !fits[word][at] {
            continue;
        }
        tried[at] = true;
        let free = match by[at] {
            None => true,
            Some(other) => place(fits, other, by, tried),
        };
        if free {
            by[at] = Some(word);
            return true;
        }
    }
    false
}

#[cfg(test)]
pub(in crate::fund) mod tests {
    use super::*;
    use crate::{codec::List, crypto::SecretKey, fund::parties::Member, merkle::Table};

    /// Property, its sister company, committee, supplier, auditor, leader; the supplier is related to the committee.
    pub(in crate::fund) fn members() -> Table<MemberId, Member> {
        let roles = [
            Role::Property,
            Role::Property,
            Role::Committee,
            Role::Supplier,
            Role::Auditor,
            Role::Leader,
        ];
        let mut table = Table::default();
        for (id, role) in (0..).zip(roles) {
            let related = match id {
                1 => vec![PROPERTY_ID],
                3 => vec![COMMITTEE_ID],
                _ => Vec::new(),
            };
            let member = Member {
                name: format!("m{id}").parse().expect("a name"),
                role,
                key: SecretKey::from_seed(&[1; 32]).public_key(),
                related: List::new(related).expect("few"),
                equivocations: 0,
            };
            table.insert(MemberId::new(id), member);
        }
        table
    }

    const PROPERTY_ID: MemberId = MemberId::new(0);
    const OTHER_PROPERTY: MemberId = MemberId::new(1);
    const COMMITTEE_ID: MemberId = MemberId::new(2);
    const SUPPLIER: MemberId = MemberId::new(3);
    const AUDITOR: MemberId = MemberId::new(4);
    const LEADER: MemberId = MemberId::new(5);

    fn of_three(first_asks: bool) -> Mandate {
        Mandate {
            places: vec![
                Place::of(PROPERTY),
                Place::of(COMMITTEE).unrelated(),
                Place::of(Who::Organisation).unrelated(),
            ],
            first_asks,
            may_not_ask: Refusal::NoOrders {},
            not_missing: Refusal::NoOrders {},
        }
    }

    #[test]
    fn a_sister_company_is_no_other_organisation() {
        let members = members();
        let registry = Registry(&members);
        let mandate = of_three(true);
        let asked = [PROPERTY_ID];
        // It would fit the place of whoever asked, which no relation bars, but that place is taken.
        let sister = mandate.may_agree(registry, &asked, OTHER_PROPERTY);
        assert_eq!(sister, Err(Refusal::Related { other: PROPERTY_ID }));
        assert!(!mandate.is_met(registry, &[PROPERTY_ID, COMMITTEE_ID, OTHER_PROPERTY]));
        assert!(mandate.is_met(registry, &[PROPERTY_ID, COMMITTEE_ID, AUDITOR]));
        assert_eq!(mandate.is_missing(registry, &asked, OTHER_PROPERTY), Ok(()), "it may say no");
    }

    #[test]
    fn a_word_fills_one_place_whoever_speaks_first() {
        let members = members();
        let registry = Registry(&members);
        // Three words: of an organisation, property, committee.
        let mandate = of_three(false);
        for words in [
            [PROPERTY_ID, COMMITTEE_ID, AUDITOR],
            [AUDITOR, COMMITTEE_ID, PROPERTY_ID],
            [AUDITOR, PROPERTY_ID, COMMITTEE_ID],
        ] {
            for spoken in 1..words.len() {
                assert!(!mandate.is_met(registry, &words[..spoken]), "{words:?}");
                let next = mandate.is_missing(registry, &words[..spoken], words[spoken]);
                assert_eq!(next, Ok(()), "{words:?}");
            }
            assert!(mandate.is_met(registry, &words), "{words:?}");
        }
        // The place that is left is the committee's.
        let words = [SUPPLIER, PROPERTY_ID];
        assert!(mandate.is_missing(registry, &words, AUDITOR).is_err());
        assert!(!mandate.is_met(registry, &[SUPPLIER, AUDITOR, PROPERTY_ID]));
    }

    #[test]
    fn whoever_asks_fills_the_first_place_and_no_other() {
        let members = members();
        let registry = Registry(&members);
        let mandate = Mandate::custodian(PROPERTY_ID);
        assert_eq!(mandate.may_ask(registry, PROPERTY_ID), Ok(()));
        let refusal = Refusal::NotTheCustodian { custodian: PROPERTY_ID };
        assert_eq!(mandate.may_ask(registry, OTHER_PROPERTY), Err(refusal));
        let asked = [PROPERTY_ID];
        assert!(!mandate.is_met(registry, &asked), "one word, though it is an organisation's");
        assert_eq!(mandate.may_agree(registry, &asked, AUDITOR), Ok(()));
        let own = mandate.may_agree(registry, &asked, PROPERTY_ID);
        assert_eq!(own, Err(Refusal::SubmitterMayNotApprove {}));
        let leader = mandate.may_agree(registry, &asked, LEADER);
        let needed = Party::OtherOrganisation;
        assert_eq!(leader, Err(Refusal::WrongRole { needed }));
    }

    #[test]
    fn who_is_related_to_the_asker_may_not_agree_and_may_say_no() {
        let members = members();
        let registry = Registry(&members);
        let mandate = Mandate::custodian(COMMITTEE_ID);
        let asked = [COMMITTEE_ID];
        let related = mandate.may_agree(registry, &asked, SUPPLIER);
        assert_eq!(related, Err(Refusal::Related { other: COMMITTEE_ID }));
        assert_eq!(mandate.is_missing(registry, &asked, SUPPLIER), Ok(()));
        // A relation to the supplier is declared in the filing, and no hindrance.
        let filing = Mandate::filing(LEADER, SUPPLIER);
        let words = [LEADER, PROPERTY_ID, COMMITTEE_ID];
        assert!(!filing.is_met(registry, &words));
        assert!(filing.is_met(registry, &[&words[..], &[SUPPLIER]].concat()));
    }

    #[test]
    fn the_board_is_two_and_not_twice_the_same() {
        let members = members();
        let registry = Registry(&members);
        let mandate = Mandate::board();
        for asker in [PROPERTY_ID, COMMITTEE_ID] {
            assert_eq!(mandate.may_ask(registry, asker), Ok(()));
        }
        let wrong = Err(Refusal::WrongRole { needed: Party::OtherOfBoard });
        assert_eq!(mandate.may_agree(registry, &[PROPERTY_ID], OTHER_PROPERTY), wrong);
        assert_eq!(mandate.may_agree(registry, &[PROPERTY_ID], COMMITTEE_ID), Ok(()));
    }
}
