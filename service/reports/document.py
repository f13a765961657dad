"""The result document of the API (`GET /results/{id}`), as reports read it.

Fields that are not known here are ignored, and all that a reader can do without may be missing: a document written by
another version, or cut short by `?examples=none`, still has a report.
"""

from pathlib import Path
from typing import Literal

import msgspec

from domain.errors import InvalidFiles
from domain.events import Verdict
from domain.mistakes import Mistake
from domain.not_json import why_not_json

Status = Literal["running", "passed", "failed", "error", "cancelled"]


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the decision: `score` is held to `threshold`; both are 0-1.

    `harness` is null when pooled over a suite. The last four come from `pass_at` and `repeats`: an example's own mark,
    the chance that one of k tries passes and that all k do (k = 1, 2, ...), the share of examples whose tries disagree.
    """

    name: str
    threshold: float
    passed: bool
    n: int
    score: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    suite: str | None = None
    harness: str | None = None
    pass_rate: float | None = None
    pass_at: float | None = None
    pass_at_k: list[float] | float | None = None
    pass_all_k: list[float] | float | None = None
    disagree: float | None = None


class ResultInformation(ResultRow, frozen=True, kw_only=True):
    """A grader that does not decide: in a weighted harness, one without a threshold of its own."""

    threshold: float = 0.0
    passed: bool = True


class ResultExample(msgspec.Struct, frozen=True, kw_only=True):
    """One example: `output` is null and `error` says why when the model gave none.

    `errors` tells by grader why it gave no score, `details` what it had to say. `latency_ms` is in milliseconds.
    """

    id: str
    passed: bool
    input: str = ""
    expected: str = ""
    output: str | None = None
    scores: dict[str, float] = {}
    tags: list[str] = []
    suite: str | None = None
    harness: str | None = None
    error: str | None = None
    errors: dict[str, str] = {}
    details: dict[str, object] = {}
    metadata: dict[str, object] | None = None
    latency_ms: float = 0.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that the endpoints reported, summed."""

    input_tokens: int = 0
    output_tokens: int = 0


class ResultDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands. `suite` is null, and `suites` names them, where all ran; times are UTC, durations seconds.

    `regrades` is the run whose outputs it grades anew.
    """

    run_id: str
    status: Status
    started_at: str
    suite: str | None = None
    suites: list[str] = []
    regrades: str | None = None
    finished_at: str | None = None
    duration_seconds: float | None = None
    verdict: Verdict | None = None
    error: str | None = None
    warnings: list[str] = []
    grader_results: list[ResultRow] = []
    informational: list[ResultInformation] = []
    examples: list[ResultExample] = []
    model_errors: int = 0
    grader_errors: int = 0
    usage: Usage | None = None
    cost: float | None = None

    @property
    def title(self) -> str:
        """The suite, or all of them."""
        return self.suite or ", ".join(self.suites) or "all suites"

    @property
    def outcome(self) -> str:
        """The verdict; where there is none, the status in capitals."""
        return self.verdict or self.status.upper()


_decoder = msgspec.json.Decoder(ResultDocument)


def decode(content: bytes, file: str | None = None) -> ResultDocument:
    """Read a result document; InvalidFiles, naming `file`, for anything else."""
    try:
        return _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise _not_a_result(str(error), file) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_a_result(why_not_json(content.decode(errors="replace"), error), file) from error


def read_document(path: Path, name: str) -> bytes:
    """Read a result file; InvalidFiles, naming it, where it can't be."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a possible file name"
        raise InvalidFiles([Mistake(f"can't be read: {reason}; neither is it the id of a run", file=name)]) from error


def _not_a_result(reason: str, file: str | None) -> InvalidFiles:
    wanted = "this is not a result of a run (the JSON of GET /results/{id}, or a file that `matchspec run` wrote)"
    return InvalidFiles([Mistake(f"{wanted}: {reason[:1].lower()}{reason[1:]}", file=file)])
