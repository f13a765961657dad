"""The report for a terminal says what decided and why, and nothing in it can steer the terminal."""

from pathlib import Path

import click
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reporting import example, failed, failing_run, passed, row, texts, two_suites
from rich.cells import cell_len

from domain.errors import InvalidFiles
from domain.spec import Statistics
from service.reports.document import ResultDocument, decode
from service.reports.numbers import shown, shown_delta, shown_seconds, shown_threshold
from service.reports.text import text_report
from service.reports.visible import fitted, wrapped

GOLDEN = Path(__file__).parent / "golden" / "report"


def test_a_failed_run_names_the_grader_its_delta_and_its_examples() -> None:
    """The report of a run that failed is exactly the one written by hand."""
    assert text_report(failing_run()) == (GOLDEN / "failed.txt").read_text()


def test_with_statistics_the_rows_are_a_table_with_intervals() -> None:
    """Intervals, sample sizes and low confidence are told, and the bound that decided."""
    run = failed(
        row(score=0.6996, passed=False, n=12, interval=(0.4001, 0.8899)),
        row("semantic_similarity", 0.91, 0.85, passed=False, interval=(0.8401, 0.9501)),
        examples=tuple(example(f"ex-{number}") for number in range(12)),
    )
    statistics = {"qa": Statistics(use_lower_bound=True, min_sample_size=30)}

    assert text_report(run, statistics=statistics) == (GOLDEN / "table.txt").read_text()


def test_several_suites_stand_below_their_names() -> None:
    """Suites, harnesses, repeats, rows that don't decide, tokens and costs have their places; wide letters align."""
    assert text_report(two_suites()) == (GOLDEN / "suites.txt").read_text()


def test_a_passing_run_is_told_in_a_few_lines() -> None:
    """Without failures there is the row and the outcome."""
    report = text_report(passed(row(), examples=(example(),)))

    assert report == (
        "qa  1 example  43 s  run-20260315-143022-a3f7\n\n  exact_match  0.74  ✓  (≥0.70)\n  overall      PASS\n"
    )


@pytest.mark.parametrize(
    ("score", "threshold", "text"),
    [
        (0.74, 0.7, "0.74"),
        (0.8333333, 0.99, "0.83"),
        (0.698, 0.7, "0.698"),
        (0.69996, 0.7, "0.69996"),
        (0.6999999, 0.7, "0.6999999"),
        (0.7 - 1e-12, 0.7, "0.70"),
        (0.746, 0.7455, "0.75"),
        (0.7444, 0.7442, "0.7444"),
        (0.9996, 0.9, "0.9996"),
        (1.0, 1.0, "1.00"),
        (0.999, 1.0, "0.999"),
        (0.0, 0.5, "0.00"),
        (0.004, 0.5, "0.004"),
    ],
)
def test_rounding_never_hides_a_decision(score: float, threshold: float, text: str) -> None:
    """A score gets as many digits as it takes to stay on its side of the threshold."""
    assert shown(score, threshold) == text


@given(st.floats(0, 1), st.floats(0, 1).map(lambda value: round(value, 4)))
def test_a_score_shown_is_below_its_threshold_just_when_it_fails(score: float, threshold: float) -> None:
    """What a reader compares gives the decision that was taken."""
    assert (float(shown(score, threshold)) >= float(shown_threshold(threshold))) == (score >= threshold - 1e-9)


@pytest.mark.parametrize(
    ("score", "threshold", "text"), [(0.62, 0.7, "-0.08"), (0.8333, 0.99, "-0.16"), (0.6996, 0.7, "-0.0004")]
)
def test_a_delta_is_never_nothing(score: float, threshold: float, text: str) -> None:
    """A small distance gets more digits."""
    assert shown_delta(score, threshold) == text


@pytest.mark.parametrize(("threshold", "text"), [(0.7, "0.70"), (1, "1.00"), (0.855, "0.855"), (1 / 3, "0.3333333333")])
def test_a_threshold_is_shown_as_it_was_set(threshold: float, text: str) -> None:
    """Two decimals at least, more where it has more."""
    assert shown_threshold(threshold) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (43.2, "43 s"), (125, "2 min 5 s"), (3600, "1 h 0 min"), (59.7, "1 min 0 s")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """Seconds, then minutes, then hours."""
    assert shown_seconds(seconds) == text


def test_five_examples_are_told_unless_all_are_asked_for() -> None:
    """The sixth failing example is counted, and told with `show_all_failures`."""
    run = failed(row(score=0.0, passed=False), examples=tuple(example(f"ex-{number}", 0.0) for number in range(6)))

    assert "ex-4" in text_report(run)
    assert "ex-5" not in text_report(run)
    assert "... and 1 more (--show-all-failures tells all)" in text_report(run)
    assert "ex-5" in text_report(run, show_all_failures=True)
    assert "more" not in text_report(run, show_all_failures=True)


def test_passing_examples_are_told_when_asked_for() -> None:
    """They come last, with what was expected and got."""
    report = text_report(passed(row(), examples=(example(tags=("easy",)),)), show_passing=True)

    assert report.endswith(
        "Passing examples: 1 of 1 example\n"
        "    ex-001  exact_match 1.00  [easy]\n"
        "      input     What is the capital of France?\n"
        "      expected  Paris\n"
        "      got       Paris\n"
    )


def test_an_empty_output_is_seen() -> None:
    """Nothing is shown as empty quotes."""
    run = failed(row(score=0.0, passed=False), examples=(example(score=0.0, output=""),))

    assert '      got       ""\n' in text_report(run)


def test_a_row_of_its_own_harness_is_not_blamed_on_others() -> None:
    """A pooled row counts only the harnesses that have no row of that name."""
    run = failed(
        row(score=0.0, passed=False, harness="qa-v1"),
        row(score=0.5, passed=False),
        examples=(example("own", 0.0), example("pooled", 0.0, harness="qa-v2")),
    )

    own, pooled = text_report(run).split("Failed graders:")[1].split("  exact_match")[1:]

    assert "own" in own
    assert "pooled" not in own
    assert "pooled" in pooled
    assert "own  " not in pooled


def test_too_few_examples_fail_a_row_that_reaches_its_threshold() -> None:
    """With `min_sample_action: fail` the sample is named, not a distance."""
    run = failed(row(score=1.0, passed=False, n=4, interval=(0.51, 1.0)))
    statistics = {"qa": Statistics(min_sample_size=30, min_sample_action="fail")}

    report = text_report(run, statistics=statistics, width=100)

    assert "✗  (≥0.70)    too few examples  [low confidence — n=4]\n" in report


def test_without_statistics_a_row_that_reaches_its_threshold_was_held_to_its_bound() -> None:
    """A report of a file tells the bound that missed."""
    report = text_report(failed(row(score=0.9, passed=False, n=12, interval=(0.6, 0.97))))

    assert "  exact_match  0.90  ✗  (≥0.70)  DELTA: -0.10  of its lower bound 0.60\n" in report


def test_a_mark_of_its_own_tells_which_examples_failed() -> None:
    """With `pass_at` an example is held to that mark, the row's pass rate to the threshold."""
    marked = msgspec.structs.replace(row(score=0.5, threshold=0.9, passed=False, n=2), pass_at=0.6)
    run = failed(marked, examples=(example("ex-above", 0.7), example("ex-below", 0.5)))

    report = text_report(run)

    assert "  exact_match  1 of 2 examples below 0.60\n    ex-below  0.50\n" in report
    assert "ex-above" not in report


def test_the_overall_row_of_a_weighted_harness_blames_what_did_not_pass() -> None:
    """Its examples are those that did not pass; one with an error has no weighted score."""
    ungraded = msgspec.structs.replace(example("ex-004", 0.0), scores={}, errors={"llm_judge": "no number"})
    run = failed(
        row("overall", 0.5, 0.8, passed=False, n=2, harness="qa-v1"),
        examples=(example(score=0.2), example("ex-002"), example("ex-003", error="timeout"), ungraded),
    )

    assert "  overall  1 of 2 examples did not pass\n    ex-001  exact_match 0.20\n" in text_report(run)


def test_grader_errors_are_told_with_the_example() -> None:
    """Who failed, on what, and why."""
    erring = msgspec.structs.replace(example(), errors={"llm_judge": "the reply holds\nno number"})
    report = text_report(passed(row(), examples=(erring,)))

    assert "  grader_errors  1 score missing\n" in report
    assert "Errors:\n  ex-001  llm_judge: the reply holds↵no number\n" in report


def test_a_cancelled_run_has_no_verdict() -> None:
    """The outcome is its status."""
    run = msgspec.structs.replace(passed(row()), status="cancelled", verdict=None)

    assert "  overall      CANCELLED\n" in text_report(run)


def test_colour_changes_no_letter() -> None:
    """Without its colours a coloured report is the plain one."""
    coloured = text_report(two_suites(), color=True)

    assert "\x1b[32m✓\x1b[0m" in coloured
    assert click.unstyle(coloured) == text_report(two_suites())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Names and texts give way, whatever their letters."""
    run = failed(
        row("長い名前の採点者" * 10, 0.5, passed=False),
        examples=(example(score=0.0, question="首都は? " * 90, expected="x" * 500, output="a b " * 400),),
    )

    assert max(map(cell_len, text_report(run, width=width).splitlines())) <= width


@settings(deadline=None)
@given(texts(), st.integers(20, 100))
def test_no_text_steers_the_terminal(text: str, width: int) -> None:
    """Only newlines of our own get through: no escape code, no control character, no turned writing."""
    run = failed(
        row(text, 0.5, passed=False),
        examples=(example(text or "-", 0.0, question=text, expected=text, output=text, tags=(text,)),),
    )
    run = msgspec.structs.replace(run, suite=text, error=text, warnings=[text])

    report = text_report(run, width=width, show_passing=True)

    assert not [letter for letter in report if letter != "\n" and (ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0)]
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff") & set(report)
    assert report.encode()


@given(st.text(max_size=200), st.integers(5, 40))
def test_a_fitted_line_has_room(text: str, cells: int) -> None:
    """Wide letters are counted as two columns."""
    assert cell_len(fitted(text, cells)) <= cells


@given(st.text(alphabet="ab 京", max_size=200), st.integers(2, 40))
def test_wrapping_loses_nothing_but_spaces(text: str, cells: int) -> None:
    """All letters come out, in lines that fit."""
    lines = wrapped(text, cells)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, lines)) <= cells


def test_a_document_of_another_version_is_read() -> None:
    """Unknown fields are ignored, and additions may be missing."""
    content = b"""{
        "run_id": "run-1", "status": "passed", "suite": "qa", "started_at": "2026-03-15T14:30:22Z", "new": [1],
        "verdict": "PASS",
        "grader_results": [{"name": "exact_match", "score": 1.0, "threshold": 0.7, "passed": true, "n": 1}],
        "examples": [{"id": "ex-1", "input": "a", "expected": "b", "output": "b", "scores": {}, "passed": true,
                      "tags": [], "later": {}}],
        "model_errors": 0
    }"""

    document = decode(content)

    assert document.grader_results[0].harness is None
    assert "exact_match  1.00  ✓  (≥0.70)" in text_report(document)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not json", "invalid character"),
        (b'{"run_id": "run-1"', "it ends too early"),
        (b"[]", "expected `object`, got `array`"),
        (b'{"suites": []}', "missing required field `run_id`"),
        (b'{"run_id": "\xff"}', "invalid"),
        (b'{"run_id": "r", "status": "done", "started_at": ""}', "invalid enum value 'done'"),
        (b'{"a":' + b"[" * 100_000, ""),
    ],
)
def test_a_file_that_is_no_result_is_refused(content: bytes, reason: str) -> None:
    """The message names the file, says what was wanted, and what is wrong."""
    with pytest.raises(InvalidFiles) as caught:
        decode(content, "result.json")

    assert str(caught.value).startswith("result.json: this is not a result of a run")
    assert reason in str(caught.value)


def test_a_document_without_examples_still_has_a_report() -> None:
    """`?examples=none` leaves the rows."""
    document = ResultDocument(
        run_id="run-1", status="failed", verdict="FAIL", started_at="", grader_results=[row(score=0.1, passed=False)]
    )

    assert "(this document holds no examples)" in text_report(document)


def test_every_number_of_repeats_is_shown_however_narrow_the_terminal() -> None:
    """A line that tells of repeats is broken where it is too long, never cut."""
    shares = [0.5 + k / 100 for k in range(12)]
    several = msgspec.structs.replace(row(), pass_at_k=shares, pass_all_k=shares, disagree=0.25)
    document = ResultDocument(run_id="r", status="passed", started_at="2026-03-15T14:30:22Z", grader_results=[several])
    text = " ".join(text_report(document, width=60).split())
    assert all(f"pass@{k} {share:.2f}" in text and f"all@{k} {share:.2f}" in text for k, share in enumerate(shares, 1))
