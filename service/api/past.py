"""A run's document in parts: as it is, or as it stood after one of its events."""

from collections.abc import AsyncIterator

from domain.errors import LogUnreadable
from projections.example_filter import ExampleFilter
from projections.results import Result
from service.api import documents
from service.api.query import Examples
from service.past import Past
from service.results import ResultReader


def past_document(past: Past, results: ResultReader, run_id: str, examples: Examples = "all") -> AsyncIterator[bytes]:
    """Give the document of a run as it stood, in parts."""
    listed, result = past.views.listing.get(run_id), past.result(run_id)
    if listed is None:
        raise LogUnreadable(f"the run {run_id} has no start")
    if result.finished:
        document = documents.finished(listed, result)
    else:
        progress = past.views.progress.get(run_id)
        document = documents.so_far(documents.running(listed, progress, result.warnings), past.so_far)
    return stream_document(document, results, run_id, result, examples)


def stream_document(
    document: documents.RunDocument, results: ResultReader, run_id: str, result: Result, examples: Examples
) -> AsyncIterator[bytes]:
    """Give a document with all of its examples, with those that failed, or without any."""
    if examples == "none":
        return documents.stream_bare(document)
    wanted = ExampleFilter(passed=False) if examples == "failed" else None
    return documents.stream(document, results.entries(run_id, result, wanted))
