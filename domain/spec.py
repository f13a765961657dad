"""The files a user writes, as values: `matchspec.yml`, a harness file, a dataset file.

Units: seconds and milliseconds as the names say; thresholds and levels are shares in 0-1.
The rules that need more than one field are in `domain/rules.py`.
"""

from typing import Annotated, Literal

from msgspec import Meta

from domain.grader_spec import Grader
from domain.model_spec import Model
from domain.written import (
    Concurrency,
    Count,
    Level,
    Milliseconds,
    Name,
    Repeats,
    Retries,
    Seconds,
    Share,
    Tag,
    Text,
    Written,
)


class Defaults(Written, frozen=True, kw_only=True, omit_defaults=False):
    """What a harness uses where it says nothing."""

    concurrency: Concurrency = 4
    timeout_seconds: Seconds = 30
    retries: Retries = 0
    retry_delay_ms: Milliseconds = 250


class Output(Written, frozen=True, kw_only=True):
    """Where `matchspec run` leaves its result files. `retain_days: 0` keeps them for ever."""

    dir: Text = ".matchspec/results"
    format: Literal["json", "junit", "markdown"] = "json"
    retain_days: Count = 0


class Statistics(Written, frozen=True, kw_only=True, omit_defaults=False):
    """How scores become decisions."""

    confidence_level: Level = 0.95
    use_lower_bound: bool = False
    min_sample_size: Count = 0
    min_sample_action: Literal["warn", "fail"] = "warn"
    max_error_rate: Share = 0.5


class SuiteStatistics(Written, frozen=True, kw_only=True):
    """A suite's own `statistics`: each field that is there replaces the global one."""

    confidence_level: Level | None = None
    use_lower_bound: bool | None = None
    min_sample_size: Count | None = None
    min_sample_action: Literal["warn", "fail"] | None = None
    max_error_rate: Share | None = None


class Suite(Written, frozen=True, kw_only=True):
    """A named list of harness files with thresholds: `overall`, or the name of a grader."""

    name: Name
    harnesses: list[Text]
    description: str = ""
    tags: list[Tag] = []
    thresholds: dict[Name, Share] = {}
    statistics: SuiteStatistics = SuiteStatistics()


class Config(Written, frozen=True, kw_only=True):
    """`matchspec.yml`."""

    version: Literal[1]
    suites: list[Suite]
    defaults: Defaults = Defaults()
    output: Output = Output()
    statistics: Statistics = Statistics()


class InlineExample(Written, frozen=True, kw_only=True):
    """One example as a user writes it. `id` is unique within its dataset."""

    id: Name
    input: str
    expected: str
    tags: list[Tag] = []
    metadata: dict[str, object] = {}


class InlineDataset(Written, frozen=True, kw_only=True):
    """A dataset written inside its harness file."""

    name: Name
    examples: list[InlineExample]


class DatasetFile(Written, frozen=True, kw_only=True):
    """A YAML dataset file."""

    version: Literal[1]
    name: Name
    examples: list[InlineExample]
    description: str = ""


class Harness(Written, frozen=True, kw_only=True):
    """A harness file: one dataset, one model, its graders and execution settings."""

    version: Literal[1]
    name: Name
    dataset: Text | InlineDataset
    model: Model
    graders: Annotated[list[Grader], Meta(min_length=1)]
    description: str = ""
    concurrency: Concurrency | None = None
    timeout_seconds: Seconds | None = None
    retries: Retries | None = None
    retry_delay_ms: Milliseconds | None = None
    repeats: Repeats = 1
