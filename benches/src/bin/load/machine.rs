//! What the operating system says about the nodes' processes.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Ticks of `/proc` in a second: the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What has been used so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// User and system time of the nodes.
    pub(crate) cpu_seconds: f64,
    /// The same of the load generator itself.
    pub(crate) load_cpu_seconds: f64,
    /// Bytes that the nodes had the disk write.
    pub(crate) disk_written_bytes: Option<u64>,
    /// Bytes that the nodes sent to each other.
    pub(crate) wire_bytes: Option<u64>,
}

/// The machine and its programs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) memory_mib: u64,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
                .unwrap_or_default()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_mib: kib / 1_024,
        }
    }
}

impl Usage {
    /// Reads all counters.
    pub(crate) fn now(pids: &[u32], peer_ports: &BTreeSet<u16>) -> Result<Self> {
        let mut cpu_seconds = 0.0;
        for pid in pids {
            cpu_seconds += cpu(&pid.to_string())?;
        }
        let written = |pid: &u32| -> Option<u64> {
            let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
            text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
        };
        Ok(Self {
            cpu_seconds,
            load_cpu_seconds: cpu("self")?,
            disk_written_bytes: pids.iter().map(written).sum(),
            wire_bytes: wire_bytes(peer_ports),
        })
    }

    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let less = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            cpu_seconds: self.cpu_seconds - earlier.cpu_seconds,
            load_cpu_seconds: self.load_cpu_seconds - earlier.load_cpu_seconds,
            disk_written_bytes: less(self.disk_written_bytes, earlier.disk_written_bytes),
            wire_bytes: less(self.wire_bytes, earlier.wire_bytes),
        }
    }
}

fn cpu(process: &str) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name in parentheses may hold blanks; user and system time are the 14th and 15th field.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Option<f64> = fields.skip(11).take(2).map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks.with_context(|| format!("cannot understand {path}"))? / TICKS_PER_SECOND)
}

/// Resident memory of a process in MiB.
pub(crate) fn memory_mib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1_024)
}

/// What the nodes have sent to each other over the connections that are open now, as the kernel counts
/// it; nothing where there is no `ss`.
fn wire_bytes(ports: &BTreeSet<u16>) -> Option<u64> {
    let output = Command::new("ss").args(["-tinHO", "state", "established"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let port = |field: &str| field.rsplit_once(':')?.1.parse().ok();
    let of_line = |line: &str| -> Option<u64> {
        let mut fields = line.split_whitespace().skip(2);
        let ends = [port(fields.next()?), port(fields.next()?)];
        ends.into_iter().flatten().any(|port| ports.contains(&port)).then_some(())?;
        fields.find_map(|field| field.strip_prefix("bytes_sent:")?.parse().ok())
    };
    Some(text.lines().filter_map(of_line).sum())
}

/// Bytes of the files in a folder. RocksDB takes blocks for its journal in advance, so these say less.
pub(crate) fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        // RocksDB removes files while they are being counted.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
