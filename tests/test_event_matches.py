"""Whoever adds an event is told by mypy of every fold that does not know it yet."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.events import TYPES

ROOT = Path(__file__).parent.parent
EVENTS = {event.__name__ for event in TYPES.values()}
FOLDS = {"domain/run.py", "projections/progress.py", "projections/listing.py", "projections/results.py"}


def event_matches(code: str) -> Iterator[ast.Match]:
    """Every `match` in which a case names an event."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Match):
            patterns = [part for case in node.cases for part in ast.walk(case.pattern)]
            names = {
                part.cls.id for part in patterns if isinstance(part, ast.MatchClass) and isinstance(part.cls, ast.Name)
            }
            if names & EVENTS:
                yield node


def ends_in_assert_never(match: ast.Match) -> bool:
    """Tell whether the last case is `case _: assert_never(...)` and nothing else."""
    last = match.cases[-1]
    return ast.unparse(last.pattern) == "_" and ast.unparse(last.body[0]).startswith("assert_never(")


def modules() -> list[Path]:
    """The modules of domain and projections."""
    return [path for package in ("domain", "projections") for path in sorted((ROOT / package).rglob("*.py"))]


def test_every_match_over_events_ends_in_assert_never() -> None:
    """In domain and projections, without exception."""
    open_ended = [
        f"{path.relative_to(ROOT)}:{match.lineno}"
        for path in modules()
        for match in event_matches(path.read_text())
        if not ends_in_assert_never(match)
    ]
    assert open_ended == []


def test_every_fold_matches_over_events() -> None:
    """The check above sees the folds: it does not pass because it looks past them."""
    seen = {str(path.relative_to(ROOT)) for path in modules() if list(event_matches(path.read_text()))}
    assert seen >= FOLDS


@pytest.mark.parametrize(
    ("last", "is_fine"),
    [
        ("case _:\n        assert_never(event)", True),
        ("case _:\n        pass", False),
        ("case Finished():\n        pass", False),
        ("case other:\n        assert_never(other)", False),
    ],
)
def test_a_fold_that_forgets_events_is_found(last: str, is_fine: bool) -> None:
    """A planted match that swallows what it does not name."""
    code = f"match event:\n    case ExampleScored(row=row) | Resumed():\n        pass\n    {last}\n"
    assert [ends_in_assert_never(match) for match in event_matches(code)] == [is_fine]


def test_a_match_over_something_else_is_none_of_this() -> None:
    """Only events are meant."""
    assert list(event_matches("match x:\n    case str():\n        pass\n")) == []
