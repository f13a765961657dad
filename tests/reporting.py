"""Result documents with sensible values, for tests of the reports."""

import msgspec
from hypothesis import strategies as st

from service.reports.document import ResultDocument, ResultExample, ResultInformation, ResultRow, Usage

NASTY = (
    *("\x1b[31m", "\x00", "\x9b", "\r\n", "\u2028", "\u202e", "\ufffe", "\t", " "),
    *("]]>", "</pre>", "</details>", "<!--", "<b>", "&amp;", "&#64;", "</testsuite>"),
    *("|", "\\|", "`", "``", "***", "__x__", "~~x~~", "[x](y)", "![](", "\n\n# x\n", "\n```\n", "\n- a\n", "\n| a |\n"),
    *("@someone", "#1", "www.example.org", "http://example.org", "a@b.cc", ":tada:"),
)


def row(
    name: str = "exact_match",
    score: float | None = 0.74,
    threshold: float = 0.7,
    *,
    passed: bool = True,
    n: int = 120,
    interval: tuple[float, float] | None = None,
    harness: str | None = None,
    suite: str = "qa",
) -> ResultRow:
    """A row of the suite `qa`, pooled unless a harness is given."""
    lower, upper = interval or (None, None)
    return ResultRow(
        name=name,
        score=score,
        threshold=threshold,
        passed=passed,
        n=n,
        ci_lower=lower,
        ci_upper=upper,
        suite=suite,
        harness=harness,
    )


def example(
    example_id: str = "ex-001",
    score: float = 1.0,
    *,
    question: str = "What is the capital of France?",
    expected: str = "Paris",
    output: str | None = "Paris",
    harness: str = "qa-v1",
    suite: str = "qa",
    error: str | None = None,
    latency_ms: float = 250.0,
    tags: tuple[str, ...] = (),
) -> ResultExample:
    """An example of the harness `qa-v1`, scored by `exact_match` unless the model gave an `error`; 1.0 passes."""
    return ResultExample(
        id=example_id,
        input=question,
        expected=expected,
        output=None if error else output,
        scores={} if error else {"exact_match": score},
        passed=score == 1.0 and error is None,
        suite=suite,
        harness=harness,
        error=error,
        latency_ms=latency_ms,
        tags=list(tags),
    )


def passed(*rows: ResultRow, examples: tuple[ResultExample, ...] = ()) -> ResultDocument:
    """A run of the suite `qa` that passed."""
    return ResultDocument(
        run_id="run-20260315-143022-a3f7",
        status="passed",
        verdict="PASS",
        suite="qa",
        started_at="2026-03-15T14:30:22Z",
        finished_at="2026-03-15T14:31:05Z",
        duration_seconds=43.0,
        grader_results=list(rows),
        examples=list(examples),
        model_errors=sum(example.error is not None for example in examples),
        grader_errors=sum(len(example.errors) for example in examples),
    )


def failed(*rows: ResultRow, examples: tuple[ResultExample, ...] = ()) -> ResultDocument:
    """A run of the suite `qa` that failed."""
    return msgspec.structs.replace(passed(*rows, examples=examples), status="failed", verdict="FAIL")


def failing_run() -> ResultDocument:
    """Five of six answers are right, which 0.99 does not allow; the model failed on a seventh."""
    wrong = example(
        "ex-006",
        0.0,
        question="What is the capital of Australia?",
        expected="Canberra",
        output="Sydney\nis the capital. ",
        tags=("geography", "easy"),
    )
    run = failed(
        row(score=5 / 6, threshold=0.99, passed=False, n=6, interval=(0.4365, 0.9699)),
        row("semantic_similarity", 0.91, 0.85, n=6, interval=(0.5121, 0.9899)),
        examples=(
            *(example(f"ex-00{number}") for number in range(1, 6)),
            wrong,
            example("ex-007", error="HTTP 503 after 3 attempts", latency_ms=1000.0),
        ),
    )
    return msgspec.structs.replace(run, warnings=["the model of harness 'qa-v1' failed on 1 of 7 examples"])


def two_suites() -> ResultDocument:
    """All suites in one run that ended without a verdict, with repeats, a weighted harness, tokens and costs."""
    judged = msgspec.structs.replace(
        row("判定者", 0.5, 0.6, passed=False, n=2), pass_at_k=[0.5, 0.75], pass_all_k=[0.5, 0.25], disagree=0.5
    )
    wrong = ResultExample(
        id="ex-001",
        input="日本の首都はどこですか",
        expected="東京",
        output="京都",
        scores={"判定者": 0.0},
        passed=False,
        suite="qa",
        harness="qa-v1",
        details={"判定者": "The answer names another city: \x1b[31mKyoto"},
        latency_ms=250.0,
    )
    return ResultDocument(
        run_id="run-20260315-143022-a3f7",
        status="error",
        suites=["qa", "maths"],
        started_at="2026-03-15T14:30:22Z",
        duration_seconds=125.0,
        error="no example of suite 'maths' has a score of grader 'regex'",
        grader_results=[
            row(harness="qa-v1"),
            judged,
            row("overall", 0.8, 0.75, suite="maths", harness="maths-v1"),
            row("regex", None, 0.5, passed=False, n=0, suite="maths", harness="maths-v1"),
        ],
        informational=[ResultInformation(name="llm_judge", score=0.4, n=2, suite="maths", harness="maths-v1")],
        examples=[wrong, example(harness="maths-v1", suite="maths")],
        usage=Usage(input_tokens=12345, output_tokens=678),
        cost=0.01234,
    )


def texts() -> st.SearchStrategy[str]:
    """Texts as models and datasets give them, with much of what XML, markdown and terminals give a meaning to."""
    return st.lists(st.sampled_from(NASTY) | st.text(max_size=5), max_size=8).map("".join)
