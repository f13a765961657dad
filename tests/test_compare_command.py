"""`matchspec report --compare A B`: two past runs in a terminal, as markdown, as JSON."""

import asyncio
import json
from pathlib import Path

import pytest
from calling import call, result_files, run_logs
from project import suite, write_project
from running import serving
from test_compare_api import compared

HOSTILE = "<img src=x onerror=alert(1)>`|\x1b[31m"


def judged(folder: Path, letters: int, **fields: object) -> str:
    """Run twenty questions of 0 to 19 letters by a grader that wants so many; gives the run's id."""
    asked = [{"id": f"n{n}", "input": "a" * n, "expected": "many"} for n in range(20)]
    grader = {"type": "regex", "name": "long", "config": {"pattern": f"^a{{{letters},}}$"}} | fields
    write_project(folder, examples=asked, graders=[grader], suites=[suite("qa", "qa-v1", thresholds={"overall": 0.5})])
    before = set(run_logs(folder))
    assert call(folder, "run", "-s", "qa", "-q").code in (0, 1)
    (log,) = set(run_logs(folder)) - before
    return log.stem


def test_worse_is_told_with_its_flips_and_exit_code_1(tmp_path: Path) -> None:
    """Eighteen of twenty had two letters, eight have twelve: ten fell, n2 to n11, of which five are shown."""
    base, head = judged(tmp_path, 2), judged(tmp_path, 12)
    called = call(tmp_path, "report", "--compare", base, head)
    lines = called.stdout.splitlines()
    assert (called.code, called.stderr) == (1, "")
    assert lines[0] == "worse  20 examples graded by both"
    assert lines[1].startswith(f"  base  {base}  qa  20")
    assert lines[2].endswith("Z  FAIL")
    assert lines[4] == "differs: harness 'qa-v1' of suite 'qa': grader 'long': config differs"
    assert lines[6].split() == ["base", "→", "head", "difference", "n", "wins,", "losses", "p"]
    assert lines[7].startswith("  long    worse  0.900 → 0.400  -0.500 (-0.")
    assert lines[7].endswith(")  20  0, 10         0.002")
    assert lines[8].startswith("  passed  worse  0.900 → 0.400")
    assert lines[10] == "Flipped: long, 10 examples"
    assert lines[11:16] == [
        "    n2  1.00 → 0.00",
        "      input     aa",
        "      expected  many",
        "      base      aa",
        "      head      aa",
    ]
    assert lines[-1] == "    ... and 5 more (--show-all-failures tells all)"
    assert call(tmp_path, "report", "--compare", base, head, "--show-all-failures").stdout.count("1.00 → 0.00") == 10


def test_better_and_no_evidence_have_exit_code_0(tmp_path: Path) -> None:
    """Backwards it is better; one that fell is no evidence, and the report says what would have been."""
    base, head, near = judged(tmp_path, 2), judged(tmp_path, 12), judged(tmp_path, 3)
    better = call(tmp_path, "report", "--compare", head, base)
    assert (better.code, better.stdout.splitlines()[0]) == (0, "better  20 examples graded by both")
    same = call(tmp_path, "report", "--compare", base, near)
    assert (same.code, same.stdout.splitlines()[0]) == (0, "no evidence  20 examples graded by both")
    # One of twenty fell: s² = 20/19 · (1/20 - 1/400), 2.80158 · s / √20 = 0.14008
    assert "    a difference of 0.140 would have been found four times in five\n" in same.stdout


def test_json_is_what_the_api_gives(tmp_path: Path) -> None:
    """The two runs of a server's log: the document of `GET /compare`, byte for byte but for a newline."""
    asked = [{"id": f"n{n}", "input": "a" * n, "expected": "many"} for n in range(20)]
    config = write_project(tmp_path, examples=asked)

    async def run_both() -> tuple[str, str, bytes]:
        async with serving(config) as client:
            base, head = [(await client.run(suite="qa"))["run_id"] for _ in range(2)]
            await compared(client, base, head)
            return base, head, (await client.http.get(f"/compare?base={base}&head={head}")).content

    base, head, sent = asyncio.run(run_both())
    assert call(tmp_path, "report", "--compare", base, head, "-f", "json").stdout == sent.decode() + "\n"


def test_result_files_are_compared_by_their_examples(tmp_path: Path) -> None:
    """The same numbers without a log; it says that a file does not tell what else differs."""
    base, head = judged(tmp_path, 2), judged(tmp_path, 12, pass_at=1.0)
    first = call(tmp_path, "report", base, "-f", "json").stdout
    second = call(tmp_path, "report", head, "-f", "json").stdout
    (tmp_path / "a.json").write_text(first)
    (tmp_path / "b.json").write_text(second)
    by_id = json.loads(call(tmp_path, "report", "--compare", base, head, "-f", "json").stdout)
    by_file = json.loads(call(tmp_path, "report", "--compare", "a.json", "b.json", "-f", "json").stdout)
    mixed = json.loads(call(tmp_path, "report", "--compare", base, "b.json", "-f", "json").stdout)
    assert by_file["differences"] == mixed["differences"] != by_id["differences"]
    assert by_file["differences"] == [
        "a result file does not tell dataset, model, graders, weights and settings: whether these differ is not known; "
        "compare the runs by their ids where their logs are here",
        "a result file does not tell the confidence level: intervals are at 0.95",
    ]
    for field in ("base", "head", "word", "rows", "overall", "left_out", "flips"):
        assert by_file[field] == by_id[field] == mixed[field]
    assert result_files(tmp_path)


def test_weights_are_not_in_a_file(tmp_path: Path) -> None:
    """It says so; the graders that stand in the document are compared, and say that they don't decide."""
    asked = [{"id": f"n{n}", "input": "a" * n, "expected": "a"} for n in range(20)]
    graders = [{"type": "exact_match", "weight": 1}, {"type": "contains", "weight": 3}]
    write_project(tmp_path, examples=asked, graders=graders)
    call(tmp_path, "run", "-q")
    (tmp_path / "a.json").write_text(call(tmp_path, "report", "-f", "json").stdout)
    called = call(tmp_path, "report", "--compare", "a.json", "a.json")
    assert called.code == 0
    assert (
        "differs: a result file does not tell weights: 'overall' of harness 'qa-v1' is not compared\n" in called.stdout
    )
    assert "exact_match (qa-v1)  (no evidence)  0.050 → 0.050  0 (0 to 0)" in called.stdout


def test_one_example_that_is_left_out_is_told_as_one(tmp_path: Path) -> None:
    """The base asked a and b, the head b, c and d: in the terminal and in markdown, one is, and two are."""
    for names in ("ab", "bcd"):
        write_project(tmp_path, examples=[{"id": name, "input": name, "expected": name} for name in names])
        call(tmp_path, "run", "-s", "qa", "-q")
    base, head = sorted(run_logs(tmp_path), key=lambda log: log.stat().st_mtime_ns)
    both = ("report", "--compare", base.stem, head.stem)
    told = call(tmp_path, *both).stdout
    assert "left out: 1 example that is in the base only: a\n" in told
    assert "left out: 2 examples that are in the head only: c, d\n" in told
    markdown = call(tmp_path, *both, "-f", "markdown").stdout
    assert "\nLeft out: 1 example that is in the base only.\n" in markdown


def test_markdown_holds_text_of_others_as_text(tmp_path: Path) -> None:
    """Whatever a name, an input or an output says; the rows are a table."""
    write_project(
        tmp_path,
        examples=[{"id": f"{HOSTILE}{n}".replace("\x1b", ""), "input": HOSTILE * n, "expected": ""} for n in range(20)],
        graders=[{"type": "regex", "name": "<b>x</b>", "config": {"pattern": "^$"}}],
        suites=[suite("qa", "qa-v1", thresholds={"overall": 0.5})],
    )
    call(tmp_path, "run", "-q")
    (base,) = run_logs(tmp_path)
    harness = tmp_path / "evals" / "qa-v1" / "harness.yml"
    harness.write_text(harness.read_text().replace("^$", "."))
    call(tmp_path, "run", "-q")
    (head,) = (log for log in run_logs(tmp_path) if log != base)
    markdown = call(tmp_path, "report", "--compare", base.stem, head.stem, "-f", "markdown").stdout
    assert markdown.startswith(f"## ✅ better: `{base.stem}` (FAIL) → `{head.stem}` (PASS)\n")
    assert "| `<b>x</b>` | ✅ better | 0.050 | 0.950 | +0.900 |" in markdown
    assert "`<b>x</b>`: 20 examples flipped\n" in markdown
    assert "<img" not in markdown.replace("`<b>x</b>`", "")
    assert "\x1b" not in markdown + call(tmp_path, "report", "--compare", base.stem, head.stem).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run-20260315-143022-a3f7", "x.json"], 2, "there is no run 'run-20260315-143022-a3f7': looked in"),
        (["x.json", "x.json"], 2, "x.json: can't be read: No such file or directory"),
        (["x.json"], 2, "requires 2 arguments"),
        (["x.json", "x.json", "y.json"], 2, "--compare does not go with FILE or RUN_ID"),
        (["x.json", "x.json", "--show-passing"], 2, "--compare does not go with --show-passing"),
    ],
)
def test_what_can_not_be_compared(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    """One sentence on stderr."""
    called = call(tmp_path, "report", "--compare", *arguments)
    assert (called.code, called.stdout) == (code, "")
    assert told in called.stderr
