"""A run held to a baseline: a deciding row a suite, which fails where a deciding grader is worse than in another run.

The baseline's scores are pinned in the run's own log, so that a resume and a replay need no other run: blocks of lines,
each a `BaselineScore`, listed by a manifest like that of a dataset, which `started` names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from domain.compared import ComparedRow
from domain.comparison import Key, ScoresByKey, compare_series, series_of_plan
from domain.events import Row
from domain.paired import Scores
from domain.pairing import Places
from domain.plan import BASELINE, Plan, PlannedSuite
from domain.statistics import reaches
from domain.tally import Tallies, Tally
from domain.verdict import Held


class BaselineScore(msgspec.Struct, frozen=True, gc=False):
    """One example of the baseline: `asked` names its input and expected text (`pairing.digest_asked`) in hex."""

    suite: str
    harness: str
    id: str
    asked: str
    scores: dict[str, float]


class SharedScores(NamedTuple):
    """What a harness of the run shares with the baseline: element i of `scores` is about the row `rows[i]`.

    `scores` has every grader of the run, NaN where the baseline has no score; `changed` are the rows of the examples
    that both have but that do not ask the same.
    """

    rows: Places
    changed: Places
    scores: Mapping[str, Scores]


class Baseline(NamedTuple):
    """The run to be held to, by every harness of the run."""

    run_id: str
    shared: Mapping[Key, SharedScores]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(BaselineScore)


def encode_score(score: BaselineScore) -> bytes:
    """Give the line of an example, newline included."""
    return _encoder.encode(score) + b"\n"


def read_scores(block: bytes) -> Iterator[BaselineScore]:
    """Read a block."""
    return map(_decoder.decode, block.splitlines())


def hold(plan: Plan, tallies: Tallies, baseline: Baseline) -> Held:
    """Compare the scores of a run that is done with its baseline's: a row for each suite, and what to warn of."""
    begun = [key for key, tally in tallies.items() if tally.recorded]
    base = {key: baseline.shared[key].scores for key in begun}
    head = {key: _scores_at(tallies[key], baseline.shared[key].rows, base[key]) for key in begun}
    rows: list[Row] = []
    warnings: list[str] = []
    for suite in plan.suites:
        keys = [key for key in begun if key[0] == suite.name]
        if not keys:
            continue
        n = sum(_count_graded(base[key], head[key]) for key in keys)
        enough = n >= max(1, suite.statistics.min_sample_size)
        compared = _compare(plan, keys, base, head)
        worse = [row for row in compared if row.word == "worse"] if enough else []
        rows.append(_row(suite, n, 1 - len(worse) / len(compared)))
        warnings += _warn(baseline.run_id, suite, compared) if enough else [_too_few(baseline.run_id, suite, n)]
        changed = sum(_count_changed(tallies[key], baseline.shared[key]) for key in keys)
        if changed:
            which = f"examples of suite '{suite.name}' that ask something else than in the baseline {baseline.run_id}"
            warnings.append(f"{which}, and are not held against it: {changed:,}")
    return Held(rows, warnings)


def _compare(plan: Plan, keys: Sequence[Key], base: ScoresByKey, head: ScoresByKey) -> list[ComparedRow]:
    return [compare_series(series, base, head) for series in series_of_plan(plan, keys) if series.decides]


def _scores_at(tally: Tally, rows: Places, graders: Iterable[str]) -> dict[str, Scores]:
    return {grader: np.array(tally.by_row(grader))[rows] for grader in graders}


def _count_graded(base: Mapping[str, Scores], head: Mapping[str, Scores]) -> int:
    """Count the examples that have a score of any grader in both."""
    ungraded = [np.isnan(list(scores.values())).all(axis=0) for scores in (base, head)]
    return int((~ungraded[0] & ~ungraded[1]).sum())


def _count_changed(tally: Tally, shared: SharedScores) -> int:
    """Count those that take part in the run."""
    scores = _scores_at(tally, shared.changed, shared.scores)
    return _count_graded(scores, scores)


def _row(suite: PlannedSuite, n: int, score: float) -> Row:
    return Row(
        name=BASELINE, score=score, threshold=1.0, passed=reaches(score, 1.0), n=n, suite=suite.name, harness=None
    )


def _too_few(run_id: str, suite: PlannedSuite, n: int) -> str:
    needed = f", below min_sample_size {suite.statistics.min_sample_size}" if n else ""
    return (
        f"nothing of suite '{suite.name}' is held against the baseline {run_id}: {n:,} graded examples in both{needed}"
    )


def _warn(run_id: str, suite: PlannedSuite, compared: Sequence[ComparedRow]) -> Iterator[str]:
    for row in compared:
        place = f"suite '{suite.name}'" if row.harness is None else f"harness '{row.harness}'"
        if row.word == "worse":
            yield f"'{row.name}' of {place} is worse than in the baseline {run_id}: {_tell(row)}"
        elif row.n == 0:
            yield f"'{row.name}' of {place} can't be held against the baseline {run_id}: no example has it in both"


def _tell(row: ComparedRow) -> str:
    interval = f"{row.confidence_level * 100:g} % interval {row.ci_lower:+.4f} to {row.ci_upper:+.4f}"
    return f"{row.base_mean:.4f} there, {row.head_mean:.4f} here, {interval} of the difference, n={row.n:,}"
