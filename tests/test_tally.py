"""What recorded askings of one harness add up to: counts by asking, scores and errors by example."""

from run_events import answered, graded, scored

from domain.events import Event, ExampleAnswered, ExampleScored, Usage
from domain.tally import Tally


def tally(*events: Event, examples: int = 3, rows: int = 3, repeats: int = 1) -> Tally:
    """A tally of these events."""
    made = Tally(examples, rows, repeats)
    for event in events:
        if isinstance(event, ExampleAnswered):
            made.add_answer(event)
        elif isinstance(event, ExampleScored):
            made.add(event)
    return made


def hit(row: int, score: float, repeat: int = 0, grader: str = "judge") -> ExampleScored:
    """A score of one grader."""
    return scored(row, scores={grader: score}, repeat=repeat)


def failed(row: int, repeat: int = 0) -> ExampleScored:
    """A model error."""
    return scored(row, repeat=repeat, output=None, passed=False, error="timed out")


def test_askings_are_counted_one_by_one() -> None:
    """Recorded, passed and failed count repeats; a grader error counts for each grader."""
    made = tally(
        hit(0, 1.0),
        hit(0, 1.0, repeat=1),
        failed(1),
        scored(1, repeat=1, scores={}, errors={"judge": "?", "other": "?"}, passed=False),
        repeats=2,
    )
    assert (made.recorded, made.passed, made.model_errors, made.grader_errors) == (4, 2, 1, 2)


def test_an_example_with_several_errors_errs_once() -> None:
    """The error rate is one of examples, not of repeats."""
    made = tally(failed(0), failed(0, repeat=1), hit(1, 1.0), hit(1, 1.0, repeat=1), repeats=2)
    assert (made.erring, made.examples) == (1, 3)
    assert tally(scored(2, errors={"judge": "?"}), failed(0)).erring == 2


def test_an_example_s_score_is_the_mean_over_its_graded_repeats() -> None:
    """(1 + 0.5) / 2, then 0.25 beside a failed repeat; an example that only failed has none."""
    made = tally(
        hit(0, 1.0), hit(0, 0.5, repeat=1), hit(1, 0.25), failed(1, repeat=1), failed(2), failed(2, repeat=1), repeats=2
    )
    assert list(made.scores("judge")) == [0.75, 0.25]
    assert list(made.samples("judge")) == [[1.0, 0.5], [0.25]]
    assert list(made.askings()) == [[{"judge": 1.0}, {"judge": 0.5}], [{"judge": 0.25}, {}]]


def test_scores_stand_in_the_dataset_s_order() -> None:
    """Whatever the order of completion; a score of 0 is a score."""
    made = tally(hit(2, 0.2), hit(0, 0.0), hit(1, 0.1))
    assert list(made.scores("judge")) == [0.0, 0.1, 0.2]
    made = tally(hit(1, 0.4, repeat=1), hit(0, 0.1), hit(1, 0.3), hit(0, 0.2, repeat=1), repeats=2)
    assert list(made.samples("judge")) == [[0.1, 0.2], [0.3, 0.4]]


def test_a_grader_that_never_scored_has_no_scores() -> None:
    """With repeats and without."""
    for repeats in (1, 2):
        made = tally(failed(0), repeats=repeats)
        assert list(made.scores("judge")) == []
        assert list(made.samples("judge")) == []
        assert list(made.askings()) == []


def test_graders_of_one_asking_are_kept_apart() -> None:
    """One may fail where another scores."""
    made = tally(scored(0, scores={"judge": 0.5, "other": 1.0}), hit(1, 0.0, grader="other"))
    assert (list(made.scores("judge")), list(made.scores("other"))) == ([0.5], [1.0, 0.0])
    assert list(made.askings()) == [[{"judge": 0.5, "other": 1.0}], [{"other": 0.0}]]


def test_only_some_rows_may_take_part() -> None:
    """Row 7 of ten, the only one with the tag."""
    made = tally(hit(7, 0.5), examples=1, rows=10)
    assert (list(made.scores("judge")), made.examples) == ([0.5], 1)


def test_tokens_are_summed_wherever_the_answer_stands() -> None:
    """Once for an answer recorded before its score, once for one recorded with it, also for a failed call."""
    some = Usage(input_tokens=10, output_tokens=2)
    made = tally(
        answered(0, usage=some),
        graded(0, scores={"judge": 1.0}),
        scored(1, scores={"judge": 1.0}, usage=some),
        scored(2, output=None, error="cut off", usage=Usage(input_tokens=5, output_tokens=0)),
    )
    assert (made.input_tokens, made.output_tokens) == (25, 4)


def test_an_answer_alone_is_not_recorded_yet() -> None:
    """Its score is still to come."""
    made = tally(answered(0))
    assert (made.recorded, list(made.scores("judge"))) == (0, [])
