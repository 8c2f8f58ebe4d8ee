//! What is on its way to the disk, and what is to be done once it is durable.
//!
//! Promises: jobs end in the order in which they began, and what waits for one is handed out once, when the
//! disk has said that it is durable (docs/protocol.md P20). Knows nothing of what is written and writes
//! nothing itself.

use crate::event::{Action, JobId, Write};
use ledger_core::{
    consensus::{QuorumCertificate, ToPersist},
    crypto::BlockHash,
    ledger::Executed,
};
use std::collections::VecDeque;

/// What waits for something to become durable.
#[derive(Debug)]
pub(crate) enum Job {
    /// Messages to be released, and the blocks whose bodies are durable with them.
    Release(Box<ToPersist>, Vec<BlockHash>),
    /// A decided block to be applied.
    Decided(Box<Executed>, QuorumCertificate),
}

/// The jobs under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    jobs: VecDeque<(JobId, Job)>,
    next: JobId,
}

impl Journal {
    /// Begins a job: the action that the disk carries out before [`Journal::finish`] hands `then` back.
    pub(crate) fn begin(&mut self, writes: Vec<Write>, then: Job) -> Action {
        let job = self.next;
        self.next += 1;
        self.jobs.push_back((job, then));
        Action::Persist { job, writes }
    }

    /// A job is durable.
    ///
    /// # Panics
    /// If it is not the oldest one under way: the shell tells of each job once and in order.
    pub(crate) fn finish(&mut self, job: JobId) -> Job {
        let (expected, then) = self.jobs.pop_front().expect("a job was under way");
        assert_eq!(job, expected, "jobs end in the order in which they began");
        then
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether a decided block is being stored: the store may then be a block ahead of the state.
    pub(crate) fn is_storing(&self) -> bool {
        self.jobs.iter().any(|(_, job)| matches!(job, Job::Decided(..)))
    }
}
