//! What comes for heights that have not begun here: kept within bounds, and handed out when its height comes.
//!
//! A node whose disk is slow for a moment hears of the next heights before it can take part in them. Promises:
//! of messages at most [`EARLY_MESSAGES_MAX`] are kept, of outlines and decisions the last one of each node and
//! height, all of at most [`EARLY_HEIGHTS_MAX`] coming heights. Verifies nothing: what is handed out is as
//! doubtful as when it came.
//!
//! Source: docs/protocol.md P19.

use crate::{
    message::{Decided, EARLY_HEIGHTS_MAX},
    node::NodeId,
};
use ledger_core::{
    block::BlockOutline,
    consensus::Message,
    types::{Height, TimestampMs},
};
use std::collections::BTreeMap;

/// Most messages kept for coming heights while a block is being stored.
const EARLY_MESSAGES_MAX: usize = 512;

/// What is kept for coming heights.
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// Votes and proposals, and when they came.
    messages: Vec<(TimestampMs, Message)>,
    /// Outlines, the last one of each node: more nobody sends honestly.
    outlines: BTreeMap<(Height, NodeId), BlockOutline>,
    /// Decisions, the last one of each node.
    decided: BTreeMap<(Height, NodeId), Decided>,
}

/// What was kept and may be of use now.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Votes and proposals of the height, in the order in which they came, and when.
    pub(crate) messages: Vec<(TimestampMs, Message)>,
    /// Outlines of this and later heights: whoever takes one of a later height in keeps it again.
    pub(crate) outlines: Vec<(NodeId, BlockOutline)>,
    /// Decisions of this and later heights, likewise.
    pub(crate) decided: Vec<(NodeId, Decided)>,
}

impl Early {
    /// Whether `height` begins in a moment at a node that is at `current`, while blocks before it are stored.
    pub(crate) fn is_early(height: Height, current: Height) -> bool {
        let ahead = height.get().saturating_sub(current.get());
        (1..=EARLY_HEIGHTS_MAX as u64).contains(&ahead)
    }

    /// Keeps a vote or proposal of a height that is early ([`Early::is_early`]), if there is room.
    pub(crate) fn keep_message(&mut self, at: TimestampMs, message: Message) {
        if self.messages.len() < EARLY_MESSAGES_MAX {
            self.messages.push((at, message));
        }
    }

    /// Keeps an outline of a height that is early.
    pub(crate) fn keep_outline(&mut self, from: NodeId, outline: BlockOutline) {
        self.outlines.insert((outline.header.height, from), outline);
    }

    /// Keeps a decision of a height that is early.
    pub(crate) fn keep_decided(&mut self, from: NodeId, decided: Decided) {
        self.decided.insert((decided.certificate.height, from), decided);
    }

    /// `height` begins: hands out what was kept for it.
    pub(crate) fn play(&mut self, height: Height) -> Played {
        let messages = std::mem::take(&mut self.messages);
        let (later, messages) =
            messages.into_iter().partition(|(_, message)| message.height() > height);
        self.messages = later;
        let outlines = std::mem::take(&mut self.outlines);
        let decided = std::mem::take(&mut self.decided);
        Played {
            messages,
            outlines: outlines.into_iter().map(|((_, from), outline)| (from, outline)).collect(),
            decided: decided.into_iter().map(|((_, from), decided)| (from, decided)).collect(),
        }
    }
}
