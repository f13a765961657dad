"""The facts of a run. Everything a reader sees is folded from these.

Fields may be added, with a default; none is ever changed or removed: a log written by any released version stays
readable. Events ignore fields they don't know. The wire names stand in `TYPES`.
"""

from typing import Literal, get_args

import msgspec

Status = Literal["running", "passed", "failed", "error", "cancelled"]
FinalStatus = Literal["passed", "failed", "error", "cancelled"]
Verdict = Literal["PASS", "FAIL"]

STATUSES: tuple[Status, ...] = get_args(Status)

LOG = "log"
"""The reserved run that holds the facts about the log itself."""

FORMAT = 1
"""The number of the log's format; a program refuses one it does not know."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What all events and their parts have in common. None is part of a cycle: the collector need not look at them."""


class LogCreated(Fact, frozen=True, kw_only=True):
    """The log's first event: its format and a random id."""

    format: int
    log_id: str


class LogAccepted(Fact, frozen=True, kw_only=True):
    """The operator's word, in the run `log`: a checkpoint that the log contradicts is void, and the log is right.

    `position` and `hash` (hex) are the checkpoint's; the log has other events there, or none.
    """

    position: int
    hash: str


class PinnedHarness(Fact, frozen=True, kw_only=True):
    """One harness of a run: the digest of its examples' manifest, how many rows that has and how many take part.

    The three are absent until a large dataset has been pinned. Every example is asked `repeats` times.
    """

    suite: str
    harness: str
    manifest: str | None = None
    rows: int | None = None
    examples: int | None = None
    repeats: int = 1


class PinnedBaseline(Fact, frozen=True, kw_only=True):
    """The run that another one is held to; `scores` is the digest of the manifest of its scores."""

    run_id: str
    scores: str


class Started(Fact, frozen=True, kw_only=True):
    """A run was accepted. `suite` is null when all suites run; `plan` is the digest of the pinned plan.

    `mode` is `regrade` where recorded outputs are graded anew: those of the run `regrades`. `request_digest` is
    `domain.idempotency.request_digest` of the request, where it came with a key.
    """

    mode: Literal["run", "regrade"]
    suite: str | None
    suites: list[str]
    tags: list[str]
    concurrency: int | None
    plan: str
    harnesses: list[PinnedHarness]
    matchspec: str
    client: str | None = None
    user_agent: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    regrades: str | None = None
    baseline: PinnedBaseline | None = None
    warnings: list[str] = []


class ExamplesPinned(Fact, frozen=True, kw_only=True):
    """The examples of a run whose datasets were too large for `started`; names every harness."""

    harnesses: list[PinnedHarness]
    warnings: list[str] = []


class Usage(Fact, frozen=True, kw_only=True):
    """Tokens, as the model's service counts them."""

    input_tokens: int
    output_tokens: int


class ExampleAnswered(Fact, frozen=True, kw_only=True):
    """The model answered; the grades follow. Only where a grader of the harness takes its time or costs money.

    `row` is the example's 0-based place in the pinned dataset, `latency_ms` that of the last attempt.
    `secrets` names the variables whose values were replaced in the output.
    """

    suite: str
    harness: str
    example: str
    repeat: int
    row: int
    output: str
    latency_ms: float
    attempts: int
    usage: Usage | None = None
    secrets: list[str] = []


class Score(Fact, frozen=True, kw_only=True):
    """What is folded of `example_scored`: a log that is read again need not make more of its bytes.

    `scores` has one score in 0-1 per grader that gave one, `errors` tells why the others did not; `error` says why
    the model gave no output.
    """

    suite: str
    harness: str
    repeat: int
    row: int
    scores: dict[str, float]
    passed: bool
    usage: Usage | None = None
    error: str | None = None
    errors: dict[str, str] = {}


class ExampleScored(Score, frozen=True, kw_only=True):
    """One example was asked and graded, or could not be.

    `output` is null when the model gave none; it and what belongs to it are absent when `example_answered` has them.
    `details` has what some graders tell beside their scores.
    """

    example: str
    output: str | msgspec.UnsetType | None = msgspec.UNSET
    latency_ms: float | msgspec.UnsetType = msgspec.UNSET
    attempts: int | msgspec.UnsetType = msgspec.UNSET
    details: dict[str, object] = {}
    secrets: list[str] = []


class Resumed(Fact, frozen=True, kw_only=True):
    """A process took the run over from one that ended; recorded with its first model call."""

    process: str
    left: int
    after: Literal["crash", "stop"]
    changed: list[str] = []


class CancelRequested(Fact, frozen=True, kw_only=True):
    """Someone asked for the run to end: from which address, with which program. No answer or score follows."""

    client: str | None = None
    user_agent: str | None = None


class Row(Fact, frozen=True, kw_only=True):
    """One line of the decision. `harness` is null when pooled over a suite; n = 0 has no score and no interval.

    With repeats, element k - 1 of `pass_at_k` estimates the share of examples that pass in at least one of k tries,
    of `pass_all_k` in all of k; `disagree` is the share of examples whose repeats do not all pass or all fail.
    """

    name: str
    score: float | None = None
    threshold: float
    passed: bool
    n: int
    ci_lower: float | None = None
    ci_upper: float | None = None
    suite: str
    harness: str | None
    pass_rate: float | None = None
    pass_at: float | None = None
    pass_at_k: list[float] | None = None
    pass_all_k: list[float] | None = None
    disagree: float | None = None


class Information(Fact, frozen=True, kw_only=True):
    """The score of a grader that does not decide: in a weighted harness, one without a threshold of its own."""

    name: str
    score: float | None = None
    n: int
    ci_lower: float | None = None
    ci_upper: float | None = None
    suite: str
    harness: str


class Finished(Fact, frozen=True, kw_only=True):
    """The run is over. `verdict` is absent when `status` is `error` or `cancelled`; times are seconds.

    `examples` counts askings (an example times its repeats), `passed` examples. `usage` sums what was reported,
    `cost` what it comes to where a harness gives prices.
    """

    status: FinalStatus
    rows: list[Row]
    examples: int
    passed: int
    model_errors: int
    grader_errors: int
    duration_seconds: float
    verdict: Verdict | None = None
    error: str | None = None
    warnings: list[str] = []
    informational: list[Information] = []
    usage: Usage | None = None
    cost: float | None = None


Event = (
    LogCreated
    | LogAccepted
    | Started
    | ExamplesPinned
    | ExampleAnswered
    | ExampleScored
    | Resumed
    | CancelRequested
    | Finished
)

TYPES: dict[str, type[Event]] = {
    "log_created": LogCreated,
    "log_accepted": LogAccepted,
    "started": Started,
    "examples_pinned": ExamplesPinned,
    "example_answered": ExampleAnswered,
    "example_scored": ExampleScored,
    "resumed": Resumed,
    "cancel_requested": CancelRequested,
    "finished": Finished,
}


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as it stands in the log. `at` is UTC with microseconds, `2026-03-15T14:30:22.123456Z`.

    `hash` is the chain's, 32 bytes.
    """

    position: int
    run_id: str
    version: int
    at: str
    event: Event
    hash: bytes
