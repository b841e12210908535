//! The process: its start, CPU, memory and open files, under the names that all programs have for them. Read when Prometheus asks. What the
//! system does not tell is left out.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What is told of the process.
#[derive(Debug, Clone)]
pub struct ProcessMetrics {
    /// In seconds since 1970.
    started_at: f64,
}

impl Default for ProcessMetrics {
    /// Of a process that starts now.
    fn default() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at: since_1970.as_secs_f64() }
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (seconds, bytes) = (Some(&Unit::Seconds), Some(&Unit::Bytes));
        let help = "When the process started, in seconds since 1970.";
        let start = encoder.encode_descriptor("process_start_time", help, seconds, MetricType::Gauge)?;
        ConstGauge::new(self.started_at).encode(start)?;
        let help = "CPU time of the process, in user mode and in the system.";
        let cpu = encoder.encode_descriptor("process_cpu", help, seconds, MetricType::Counter)?;
        ConstCounter::new(cpu_seconds()).encode(cpu)?;
        for (name, help, unit, value) in [
            ("process_resident_memory", "Memory of the process that is in RAM.", bytes, resident_bytes()),
            ("process_open_fds", "Open files and sockets.", None, open_files()),
            ("process_max_fds", "How many may be open.", None, getrlimit(Resource::Nofile).current),
        ] {
            if let Some(value) = value {
                ConstGauge::new(value).encode(encoder.encode_descriptor(
                    name,
                    help,
                    unit,
                    MetricType::Gauge,
                )?)?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of CPU are few")]
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The second number of `/proc/self/statm`, in pages.
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size() as u64)
}

/// Without the one that reads the folder.
fn open_files() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64)
}
