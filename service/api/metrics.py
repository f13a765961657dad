"""`GET /metrics`: what the server does and has done, for Prometheus."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from litestar import Request, Response, route
from litestar.datastructures import State
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from domain.events import STATUSES
from service.api.backend import Api
from service.api.media import READING
from service.measures import Histogram
from service.version import VERSION


@route("/metrics", http_method=READING)
async def get_metrics(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Tell all metrics, in the format that the reader prefers."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    registry = CollectorRegistry()
    registry.register(_Service(state.api))
    ProcessCollector(registry=registry)
    return Response(encode(registry), headers={"Content-Type": media_type})


class _Service(Collector):
    """A service's metrics, as they are when they are asked for."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def collect(self) -> Iterator[Metric]:
        """Give them all."""
        yield InfoMetricFamily("matchspec_build", "The program.", {"version": VERSION})
        yield from self._runs()
        yield from self._calls()
        yield from self._log()

    def _runs(self) -> Iterator[Metric]:
        runs = GaugeMetricFamily("matchspec_runs", "Runs of the log.", labels=["status"])
        for status in STATUSES:
            runs.add_metric([status], self._api.views.listing.count(None, status))
        yield runs
        queue = self._api.queue
        yield GaugeMetricFamily("matchspec_runs_active", "Runs at work.", queue.active)
        yield GaugeMetricFamily("matchspec_runs_waiting", "Runs that wait for their turn.", queue.waiting)
        scored = self._api.world.measures.examples
        yield CounterMetricFamily("matchspec_examples", "Examples scored since the start, repeats included.", scored)

    def _calls(self) -> Iterator[Metric]:
        names = ["kind", "endpoint"]
        calls = CounterMetricFamily("matchspec_model_calls", "Calls of models and services that ended.", labels=names)
        errors = CounterMetricFamily("matchspec_model_errors", "Those without an answer.", labels=names)
        seconds = HistogramMetricFamily("matchspec_model_call_seconds", "How long they took.", labels=names)
        for labels, noted in sorted(self._api.world.measures.calls.items()):
            calls.add_metric(labels, sum(noted.seconds.counts))
            errors.add_metric(labels, noted.errors)
            seconds.add_metric(labels, _buckets(noted.seconds), noted.seconds.sum)
        yield from (calls, errors, seconds)
        slots = self._api.world.slots
        yield GaugeMetricFamily("matchspec_model_calls_in_flight", "Calls of models under way.", slots.used)
        yield GaugeMetricFamily("matchspec_model_calls_limit", "How many there may be.", slots.limit)

    def _log(self) -> Iterator[Metric]:
        measures, writer = self._api.world.measures, self._api.world.writer
        yield _histogram("matchspec_log_append_seconds", "How long commits took, synced.", measures.append_seconds)
        yield _histogram(
            "matchspec_log_append_commands", "How many commands shared a commit.", measures.append_commands
        )
        yield GaugeMetricFamily("matchspec_log_position", "The log's last event.", self._api.views.position)
        yield GaugeMetricFamily("matchspec_log_lag_seconds", "How long the oldest command has waited.", writer.lag)
        yield GaugeMetricFamily("matchspec_log_waiting", "Commands that wait to be recorded.", writer.waiting)
        yield GaugeMetricFamily("matchspec_log_writable", "Whether the log can be written.", writer.fault is None)


def _histogram(name: str, text: str, noted: Histogram) -> Metric:
    return HistogramMetricFamily(name, text, _buckets(noted), noted.sum)


def _buckets(noted: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, noted.bounds), "+Inf"]
    return list(zip(bounds, accumulate(noted.counts), strict=True))
