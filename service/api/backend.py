"""What the handlers ask: all of the service that HTTP shows."""

from typing import NamedTuple

from projections.views import Views
from service.execution.regrading import Regrader
from service.execution.starting import Starter
from service.log.reading import LogReader
from service.results import ResultReader
from service.suites import OwnConfig


class Api(NamedTuple):
    """What the handlers ask."""

    views: Views
    results: ResultReader
    starter: Starter
    regrader: Regrader
    config: OwnConfig
    log: LogReader
