//! Figures for Prometheus: what was counted since the start, and what is read when somebody asks.

use std::time::Duration;

use ::metrics::{Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use org_core::license::pool::Seats;
use org_core::use_cases::overview::{self, Which};
use org_core::use_cases::{UseCaseError, licenses};

use crate::state::AppState;

/// Limits of the histograms, in seconds.
const REQUEST_SECONDS: &[f64] = &[0.005, 0.02, 0.1, 0.5, 2.0, 10.0];
const SYNC_SECONDS: &[f64] = &[1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

const METADATA: Metadata<'static> = Metadata::new("server", Level::INFO, None);

/// The figures of one server. They belong to it and not to the process, so that two servers in one test do not mix.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(full("forgehold_http_request_seconds"), REQUEST_SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(full("forgehold_sync_seconds"), SYNC_SECONDS)
            })
            .expect("the limits are not empty")
            .build_recorder();
        let metrics = Self { recorder };
        metrics.describe();
        metrics
    }

    fn describe(&self) {
        let counters = [
            (
                "forgehold_http_requests_total",
                "Requests that were answered.",
            ),
            ("forgehold_syncs_total", "Syncs that ended, by how."),
            (
                "forgehold_host_requests_total",
                "Requests that syncs sent to hosts.",
            ),
            (
                "forgehold_host_waits_total",
                "Waits that a host asked for by limiting the rate.",
            ),
            (
                "forgehold_webhooks_total",
                "Notices of hosts, by what became of them.",
            ),
            (
                "forgehold_sign_ins_total",
                "Attempts to sign in, by how they ended.",
            ),
        ];
        for (name, help) in counters {
            self.recorder
                .describe_counter(name.into(), None, help.into());
        }
        let seconds = Some(Unit::Seconds);
        let histograms = [
            ("forgehold_http_request_seconds", "How long answers took."),
            ("forgehold_sync_seconds", "How long syncs took."),
        ];
        for (name, help) in histograms {
            self.recorder
                .describe_histogram(name.into(), seconds, help.into());
        }
        let gauges = [
            (
                "forgehold_syncs_running",
                "Syncs under way in this program.",
            ),
            ("forgehold_organizations", "Organizations, by status."),
            ("forgehold_repositories", "Repositories that are there."),
            (
                "forgehold_syncs_due",
                "Organizations that wait for a sync now.",
            ),
            ("forgehold_seats_held", "Licenses that are held."),
            (
                "forgehold_seats_waiting",
                "Repositories that wait for a license.",
            ),
            (
                "forgehold_seats_total",
                "Licenses that there are; absent when they are unlimited.",
            ),
        ];
        for (name, help) in gauges {
            self.recorder.describe_gauge(name.into(), None, help.into());
        }
    }

    pub(crate) fn count(&self, name: &'static str, labels: Vec<Label>, by: u64) {
        let key = Key::from_parts(name, labels);
        self.recorder
            .register_counter(&key, &METADATA)
            .increment(by);
    }

    pub(crate) fn gauge(&self, name: &'static str, labels: Vec<Label>, value: f64) {
        let key = Key::from_parts(name, labels);
        self.recorder.register_gauge(&key, &METADATA).set(value);
    }

    pub(crate) fn took(&self, name: &'static str, labels: Vec<Label>, took: Duration) {
        let key = Key::from_parts(name, labels);
        self.recorder
            .register_histogram(&key, &METADATA)
            .record(took.as_secs_f64());
    }

    /// A request was answered.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = || {
            vec![
                Label::new("method", method.to_owned()),
                Label::new("route", route.to_owned()),
            ]
        };
        let mut counted = labels();
        counted.push(Label::new("status", status.to_string()));
        self.count("forgehold_http_requests_total", counted, 1);
        self.took("forgehold_http_request_seconds", labels(), took);
    }

    /// Everything, with what is read now.
    pub(crate) async fn render(&self, state: &AppState) -> Result<String, UseCaseError> {
        let ports = state.ports();
        let overviews = overview::all(ports, Which::Present).await?;
        for status in ["connected", "action_required", "paused"] {
            let of_status = overviews
                .iter()
                .filter(|overview| overview.organization.status.as_str() == status);
            let label = vec![Label::new("status", status)];
            self.gauge(
                "forgehold_organizations",
                label,
                as_float(of_status.count() as u64),
            );
        }
        let repositories = overviews
            .iter()
            .map(|overview| overview.counts.repositories)
            .sum();
        self.gauge("forgehold_repositories", Vec::new(), as_float(repositories));
        let running = state.jobs().syncs_running() as u64;
        self.gauge("forgehold_syncs_running", Vec::new(), as_float(running));
        let due = ports.organizations.due(ports.clock.now(), u32::MAX).await?;
        self.gauge(
            "forgehold_syncs_due",
            Vec::new(),
            as_float(due.len() as u64),
        );
        let pool = licenses::status(ports).await?;
        self.gauge(
            "forgehold_seats_held",
            Vec::new(),
            as_float(pool.summary.held),
        );
        self.gauge(
            "forgehold_seats_waiting",
            Vec::new(),
            as_float(pool.summary.waiting),
        );
        if let Seats::Limited(seats) = pool.seats {
            self.gauge("forgehold_seats_total", Vec::new(), seats.into());
        }
        Ok(self.recorder.handle().render())
    }
}

fn full(name: &str) -> metrics_exporter_prometheus::Matcher {
    metrics_exporter_prometheus::Matcher::Full(name.to_owned())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has no other numbers"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}
