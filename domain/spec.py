"""The files a user writes, as values: `matchspec.yml`, a harness file, a dataset file.

Units: seconds and milliseconds as the names say; thresholds and levels are shares in 0-1.
The rules that need more than one field are in `domain/rules.py`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Level = Annotated[float, Meta(gt=0, lt=1)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Concurrency = Annotated[int, Meta(ge=1, le=100_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Retries = Annotated[int, Meta(ge=0, le=100)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
Text = Annotated[str, Meta(min_length=1)]
Tag = Name

Input = Literal["stdin", "arg", "env"]
RegexFlag = Literal["i", "m", "s"]


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something a user writes: unknown fields are mistakes."""


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


class HttpModel(Written, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """One HTTP request per example."""

    endpoint: Text
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    headers: dict[Text, str] = {}
    api_key_env: Text | None = None
    request_template: Text | None = None
    response_path: Text | None = None


class CommandModel(Written, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """One subprocess per example, without a shell, in the harness file's folder."""

    command: Annotated[list[str], Meta(min_length=1)]
    input_via: Input = "stdin"
    timeout_seconds: Seconds | None = None


class EchoModel(Written, frozen=True, kw_only=True, tag_field="type", tag="echo"):
    """Returns its input."""


class NoopModel(Written, frozen=True, kw_only=True, tag_field="type", tag="noop"):
    """Returns an empty string."""


Model = HttpModel | CommandModel | EchoModel | NoopModel


class ExactMatchConfig(Written, frozen=True, kw_only=True):
    """`exact_match`: are the two texts equal?"""

    case_sensitive: bool = True
    trim_whitespace: bool = True


class ContainsConfig(Written, frozen=True, kw_only=True):
    """`contains`: does the output contain the expected text?"""

    case_sensitive: bool = True


class RegexConfig(Written, frozen=True, kw_only=True):
    """`regex`: is the pattern (RE2 syntax) found in the output?

    `{{expected}}` stands for the expected text escaped, `{{{expected}}}` for it as a pattern.
    """

    pattern: Text
    flags: list[RegexFlag] = []


class ExactMatchGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="exact_match"):
    """1.0 if output and expected text are equal."""

    name: Name | None = None
    threshold: Share | None = None
    config: ExactMatchConfig = ExactMatchConfig()


class ContainsGrader(Written, frozen=True, kw_only=True, tag_field="type", tag="contains"):
    """1.0 if the output contains the expected text."""

    name: Name | None = None
    threshold: Share | None = None
    config: ContainsConfig = ContainsConfig()


class RegexGrader(Written, frozen=True, tag_field="type", tag="regex", kw_only=True):
    """1.0 if the pattern is found in the output."""

    name: Name | None = None
    threshold: Share | None = None
    config: RegexConfig


Grader = ExactMatchGrader | ContainsGrader | RegexGrader


def grader_name(grader: Grader) -> str:
    """The name a grader goes by: its own, else its type."""
    return grader.name or str(grader.__struct_config__.tag)


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
