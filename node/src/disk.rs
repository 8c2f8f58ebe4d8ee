//! The disk: one thread that makes things durable in the order in which they were asked for.

use crate::{advice, exit::Failure, guard::VoteGuard, store::Store};
use prometheus_client::metrics::histogram::Histogram;
use replica::{JobId, Write};
use std::{
    sync::{Arc, mpsc as std_mpsc},
    thread::{Builder, JoinHandle},
    time::Instant,
};
use tokio::sync::mpsc;

/// Most jobs that wait for the disk. The replica has a handful under way at a time.
pub(crate) const JOBS_MAX: usize = 64;

/// A job that was done, or why it could not be.
pub(crate) type Done = Result<JobId, Failure>;

/// The way to the disk thread.
pub(crate) struct Disk {
    jobs: std_mpsc::SyncSender<(JobId, Vec<Write>)>,
    thread: JoinHandle<()>,
}

impl Disk {
    /// Starts the thread. It ends after the first failure: nothing right can follow.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        mut guard: Option<VoteGuard>,
        done: mpsc::Sender<Done>,
        batch_time: Histogram,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = std_mpsc::sync_channel::<(JobId, Vec<Write>)>(JOBS_MAX);
        let thread = Builder::new().name("disk".to_owned()).spawn(move || {
            for (job, writes) in inbox {
                let result = carry_out(&*store, guard.as_mut(), writes, &batch_time);
                let failed = result.is_err();
                if done.blocking_send(result.map(|()| job)).is_err() || failed {
                    break;
                }
            }
        })?;
        Ok(Self { jobs, thread })
    }

    /// Hands a job over. Blocks only if the disk is far behind.
    pub(crate) fn write(&self, job: JobId, writes: Vec<Write>) {
        // The thread has ended only after a failure, of which it has told.
        let _ = self.jobs.send((job, writes));
    }

    /// Waits until everything that was handed over is durable.
    pub(crate) fn finish(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}

fn carry_out(
    store: &dyn Store,
    guard: Option<&mut VoteGuard>,
    writes: Vec<Write>,
    batch_time: &Histogram,
) -> Result<(), Failure> {
    let mut guard = guard;
    for write in writes {
        match write {
            Write::Store(changes) => {
                let begun = Instant::now();
                store.apply(changes).map_err(|error| advice::store(&error))?;
                batch_time.observe(begun.elapsed().as_secs_f64());
            }
            Write::Guard(record) => guard
                .as_mut()
                .ok_or_else(|| advice::bug("a node without a vote guard signed something"))?
                .write(&record)
                .map_err(|error| advice::guard(&error))?,
        }
    }
    Ok(())
}
