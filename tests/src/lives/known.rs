//! Where the code and the document are known to differ and nobody has decided yet which of them is wrong.
//!
//! The model answers as the document says. Each entry here is one such place; with the decision it goes, which
//! the test reminds of: every one of them has to be met.

use super::compare::Verdict;

/// One difference.
#[derive(Debug)]
pub struct Known {
    /// What is said: the beginnings of its kinds.
    kinds: &'static [&'static str],
    /// The document's refusals.
    document: &'static [u16],
    /// What the code does instead.
    code: Instead,
    /// What the difference is.
    pub why: &'static str,
}

#[derive(Debug)]
enum Instead {
    /// It refuses under one of these numbers.
    Refuses(&'static [u16]),
    /// It goes on, as the model does when it is told to follow the code.
    GoesOn,
}

/// All that are known.
pub(super) const KNOWN: &[Known] = &[
    Known {
        kinds: &["DecideFiling"],
        document: &[205, 303],
        code: Instead::Refuses(&[304]),
        why: "by the document authority (205) comes before state, and the phase (303) before the filing (304); \
              the code asks first whether it is this filing",
    },
    Known {
        kinds: &["File"],
        document: &[207],
        code: Instead::Refuses(&[301, 305, 308]),
        why: "by the document authority (207) comes before whether the name is taken and before the content; \
              the code asks for it last",
    },
    Known {
        kinds: &["Propose BearChannelFee"],
        document: &[300, 302, 303],
        code: Instead::Refuses(&[506, 507]),
        why: "by the document the group buy and its phase come before the amount",
    },
    Known {
        kinds: &["Propose PayOut"],
        document: &[300, 302, 303],
        code: Instead::Refuses(&[610]),
        why: "by the document the group buy and its phase come before the payee",
    },
    Known {
        kinds: &["Propose Bounce", "Approve Bounce"],
        document: &[502],
        code: Instead::Refuses(&[501]),
        why: "G4: the very same is already done; the code calls it a number that is used",
    },
    Known {
        kinds: &["Propose Bounce", "Approve Bounce"],
        document: &[610],
        code: Instead::GoesOn,
        why: "G42: a payout or refund comes back; the code lets a transfer between channels, a channel's fee and \
              a difference come back, too: of a transfer, without the word of the custodian that got it",
    },
    Known {
        kinds: &[
            "ReceiveUnidentified",
            "Propose GiveReserve",
            "Approve GiveReserve",
            "Propose TopUpChannelFee",
            "Approve TopUpChannelFee",
            "Propose FoundDifference",
            "Approve FoundDifference",
            "Propose RepayReceivable",
            "Approve RepayReceivable",
            "Propose ChannelFee",
            "Approve ChannelFee",
            "Propose Difference",
            "Approve Difference",
        ],
        document: &[501],
        code: Instead::GoesOn,
        why: "G4: the same number with other content is refused; the code compares what is said of the money, not \
              what it is for, by whom, or by which document, and answers that it is already done",
    },
    Known {
        kinds: &["RejectProposal"],
        document: &[203],
        code: Instead::GoesOn,
        why: "G2: whoever could approve it can end another's proposal, which a member that is related to the \
              proposer could not; the code asks for the role alone",
    },
    Known {
        kinds: &["ConfirmPayments"],
        document: &[504],
        code: Instead::Refuses(&[505]),
        why: "504 is for a record that is another; the code says of it that what arrived is not what was recorded",
    },
    Known {
        kinds: &["ConfirmPayments"],
        document: &[505],
        code: Instead::GoesOn,
        why: "G4: with another amount it is other content; the code skips what is decided, whatever amount is \
              confirmed",
    },
];

/// The known difference that it may be: the code refuses under another number, or goes on.
pub(super) fn find(kind: &str, document: u16, real: Verdict) -> Option<usize> {
    KNOWN.iter().position(|known| {
        let instead = match known.code {
            Instead::Refuses(numbers) => real.is_err_and(|number| numbers.contains(&number)),
            Instead::GoesOn => true,
        };
        let is_it = known.kinds.iter().any(|beginning| kind.starts_with(beginning));
        is_it && known.document.contains(&document) && instead
    })
}

/// Whether the code goes on there.
pub(super) fn goes_on(known: usize) -> bool {
    matches!(KNOWN[known].code, Instead::GoesOn)
}
