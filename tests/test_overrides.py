"""Settings from the environment: what each variable sets, what comes before what, and mistakes by their names."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from live import run_to_end
from live import serving as serving_live
from project import suite, write_config, write_project, write_yaml
from running import log_of, logged, serving

from domain.errors import InvalidFiles
from domain.grader_spec import ExactMatchGrader
from domain.model_spec import EchoModel
from domain.plan import HarnessSource, plan_suite
from domain.spec import Config, Defaults, Harness, Output, Statistics, Suite, SuiteStatistics
from service.files.overrides import (
    SETTINGS,
    find_unknown_variables,
    find_wrong_variables,
    forced_concurrency,
    override,
)

CONFIG = Config(version=1, suites=[])


def told(**environment: str) -> list[str]:
    """What is told about variables."""
    mistakes = [str(mistake) for mistake in find_wrong_variables(environment)]
    for refusing in (lambda: override(CONFIG, environment), lambda: forced_concurrency(environment)):
        with pytest.raises(InvalidFiles) as refused:
            refusing()
        assert [str(mistake) for mistake in refused.value.mistakes] == mistakes
    return mistakes


def test_every_scalar_setting_has_a_variable() -> None:
    """Its name is the dotted path in capitals; these are all there are."""
    assert sorted(SETTINGS) == [
        "MATCHSPEC_DEFAULTS_CONCURRENCY",
        "MATCHSPEC_DEFAULTS_RETRIES",
        "MATCHSPEC_DEFAULTS_RETRY_DELAY_MS",
        "MATCHSPEC_DEFAULTS_TIMEOUT_SECONDS",
        "MATCHSPEC_OUTPUT_DIR",
        "MATCHSPEC_OUTPUT_FORMAT",
        "MATCHSPEC_OUTPUT_RETAIN_DAYS",
        "MATCHSPEC_STATISTICS_CONFIDENCE_LEVEL",
        "MATCHSPEC_STATISTICS_MAX_ERROR_RATE",
        "MATCHSPEC_STATISTICS_MIN_SAMPLE_ACTION",
        "MATCHSPEC_STATISTICS_MIN_SAMPLE_SIZE",
        "MATCHSPEC_STATISTICS_USE_LOWER_BOUND",
    ]


def test_variables_replace_what_the_configuration_says() -> None:
    """Each its own field, with the type of the field; the rest stays."""
    config = Config(version=1, suites=[], defaults=Defaults(retries=1, concurrency=2), output=Output(dir="a"))
    environment = {
        "MATCHSPEC_DEFAULTS_RETRIES": "5",
        "MATCHSPEC_DEFAULTS_TIMEOUT_SECONDS": " 0.5 ",
        "MATCHSPEC_OUTPUT_DIR": "2026",
        "MATCHSPEC_OUTPUT_FORMAT": "junit",
        "MATCHSPEC_STATISTICS_CONFIDENCE_LEVEL": "0.9",
        "MATCHSPEC_STATISTICS_USE_LOWER_BOUND": "true",
        "MATCHSPEC_STATISTICS_MIN_SAMPLE_ACTION": "fail",
        "MATCHSPEC_STATISTICS_MAX_ERROR_RATE": "1",
    }
    assert override(config, environment) == Config(
        version=1,
        suites=[],
        defaults=Defaults(retries=5, concurrency=2, timeout_seconds=0.5),
        output=Output(dir="2026", format="junit"),
        statistics=Statistics(confidence_level=0.9, use_lower_bound=True, min_sample_action="fail", max_error_rate=1.0),
    )


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_is_not_set(empty: str) -> None:
    """As in a container's settings, where one can't be left out."""
    environment = dict.fromkeys([*SETTINGS, "MATCHSPEC_CONCURRENCY"], empty)
    assert override(CONFIG, environment) == CONFIG
    assert forced_concurrency(environment) is None
    assert find_wrong_variables(environment) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONCURRENCY", "0", "must be a whole number from 1 to 100000, found the number 0"),
        ("CONCURRENCY", "many", "must be a whole number from 1 to 100000, found the text 'many'"),
        ("CONCURRENCY", "1.5", "must be a whole number from 1 to 100000, found the number 1.5"),
        ("CONCURRENCY", '"4"', "must be a whole number from 1 to 100000, found the text '\"4\"'"),
        ("DEFAULTS_RETRIES", "101", "must be a whole number from 0 to 100, found the number 101"),
        ("DEFAULTS_RETRIES", "1_0", "must be a whole number from 0 to 100, found the number 1_0; "
         "write a plain decimal number"),
        ("DEFAULTS_TIMEOUT_SECONDS", "30s", "must be a number above 0 and at most 86400, found the text '30s'"),
        ("DEFAULTS_TIMEOUT_SECONDS", "nan", "must be a number above 0 and at most 86400, found the text 'nan'"),
        ("OUTPUT_FORMAT", "junits", "must be one of: json, junit, markdown, found the text 'junits' "
         "(did you mean 'junit'?)"),
        ("OUTPUT_RETAIN_DAYS", "-1", "must be a whole number from 0 to 1000000000, found the number -1"),
        ("STATISTICS_CONFIDENCE_LEVEL", "95", "must be a number above 0 and below 1, found the number 95"),
        ("STATISTICS_USE_LOWER_BOUND", "1", "must be true or false, found the number 1"),
        ("STATISTICS_MIN_SAMPLE_ACTION", "stop", "must be one of: fail, warn, found the text 'stop'"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_the_variable(name: str, value: str, message: str) -> None:
    """What was found and what is allowed, in the words used for files."""
    assert told(**{f"MATCHSPEC_{name}": value}) == [f"MATCHSPEC_{name}: {message}"]


def test_all_wrong_values_are_told_at_once() -> None:
    """One line each."""
    assert len(told(MATCHSPEC_CONCURRENCY="x", MATCHSPEC_OUTPUT_FORMAT="x", MATCHSPEC_DEFAULTS_RETRIES="1")) == 2


def test_unknown_names_are_told_with_the_nearest() -> None:
    """Those that matchspec reads, those of its tests and those that a harness names are not told."""
    known = dict.fromkeys(
        [*SETTINGS, *(f"MATCHSPEC_{name}" for name in ("CONFIG", "DB", "API_KEY", "LOG_LEVEL", "CONCURRENCY"))], "x"
    )
    others = {"MATCHSPEC_TEST_LONG": "1", "MY_MATCHSPEC_X": "1", "MATCHSPEC_KEY_OF_MODEL": "k", "PATH": "/bin"}
    assert find_unknown_variables(known | others, {"MATCHSPEC_KEY_OF_MODEL"}) == []
    unknown = dict.fromkeys(["MATCHSPEC_STATISTIC_MIN_SAMPLE_SIZE", "MATCHSPEC_CONCURENCY", "MATCHSPEC_"], "")
    assert find_unknown_variables(unknown) == [
        "the environment variable MATCHSPEC_ is unknown; docs/environment.md lists those that there are",
        "the environment variable MATCHSPEC_CONCURENCY is unknown (did you mean 'MATCHSPEC_CONCURRENCY'?)",
        "the environment variable MATCHSPEC_STATISTIC_MIN_SAMPLE_SIZE is unknown "
        "(did you mean 'MATCHSPEC_STATISTICS_MIN_SAMPLE_SIZE'?)",
    ]


# Who says something, in the order of precedence: MATCHSPEC_CONCURRENCY, the harness file,
# MATCHSPEC_DEFAULTS_CONCURRENCY, `defaults`; then what the harness gets. 4 is the program's own.
PRECEDENCE = [
    (9, 8, 7, 6, 9),
    (9, 8, 7, None, 9),
    (9, 8, None, 6, 9),
    (9, 8, None, None, 9),
    (9, None, 7, 6, 9),
    (9, None, 7, None, 9),
    (9, None, None, 6, 9),
    (9, None, None, None, 9),
    (None, 8, 7, 6, 8),
    (None, 8, 7, None, 8),
    (None, 8, None, 6, 8),
    (None, 8, None, None, 8),
    (None, None, 7, 6, 7),
    (None, None, 7, None, 7),
    (None, None, None, 6, 6),
    (None, None, None, None, 4),
]


@pytest.mark.parametrize(("forced", "of_harness", "variable", "default", "expected"), PRECEDENCE)
def test_precedence_of_concurrency(
    forced: int | None, of_harness: int | None, variable: int | None, default: int | None, expected: int
) -> None:
    """Every way in which the four can be set."""
    named = {"MATCHSPEC_CONCURRENCY": forced, "MATCHSPEC_DEFAULTS_CONCURRENCY": variable}
    environment = {name: str(value) for name, value in named.items() if value is not None}
    defaults = Defaults() if default is None else Defaults(concurrency=default)
    config = override(Config(version=1, suites=[], defaults=defaults), environment)
    (harness,) = plan_suite(
        Suite(name="s", harnesses=["h.yml"]),
        [HarnessSource("h.yml", "d.yml", a_harness(of_harness), {})],
        config.defaults,
        config.statistics,
        forced_concurrency(environment),
    ).harnesses
    assert harness.concurrency == expected


def a_harness(concurrency: int | None) -> Harness:
    """A harness file."""
    return Harness(
        version=1, name="h", dataset="d.yml", model=EchoModel(), graders=[ExactMatchGrader()], concurrency=concurrency
    )


def test_a_suites_own_statistics_come_first() -> None:
    """Field by field: the suite's, the variable's, the file's, the program's."""
    config = Config(version=1, suites=[], statistics=Statistics(min_sample_size=3, confidence_level=0.8))
    config = override(
        config, {"MATCHSPEC_STATISTICS_MIN_SAMPLE_SIZE": "5", "MATCHSPEC_STATISTICS_USE_LOWER_BOUND": "yes"}
    )
    own = Suite(name="s", harnesses=[], statistics=SuiteStatistics(use_lower_bound=False, max_error_rate=0.1))
    planned = plan_suite(own, [], config.defaults, config.statistics)
    assert planned.statistics == Statistics(
        confidence_level=0.8, use_lower_bound=False, min_sample_size=5, min_sample_action="warn", max_error_rate=0.1
    )


def plan_of(config: Path) -> dict[str, object]:
    """The plan of the only run, and the concurrency of its request, as they are in the log."""
    (started,) = logged(config, "started")
    with closing(sqlite3.connect(log_of(config))) as database:
        query = "SELECT bytes FROM contents WHERE digest = ?"
        ((content,),) = database.execute(query, (bytes.fromhex(started.body["plan"]),))
    (planned,) = json.loads(content)["suites"]
    (harness,) = planned["harnesses"]
    settings: dict[str, object] = {
        name: harness[name] for name in ("concurrency", "timeout_seconds", "retries", "retry_delay_ms")
    }
    settings |= planned["statistics"]
    return settings | {"request": json.loads(content)["concurrency"]}


ENVIRONMENT = {
    "MATCHSPEC_CONCURRENCY": "3",
    "MATCHSPEC_DEFAULTS_CONCURRENCY": "9",
    "MATCHSPEC_DEFAULTS_RETRIES": "5",
    "MATCHSPEC_DEFAULTS_TIMEOUT_SECONDS": "11",
    "MATCHSPEC_STATISTICS_MIN_SAMPLE_SIZE": "2",
    "MATCHSPEC_STATISTICS_CONFIDENCE_LEVEL": "0.9",
}
PLAN = {
    "concurrency": 3,
    "timeout_seconds": 7,  # the harness file's
    "retries": 5,
    "retry_delay_ms": 100,  # the config's
    "confidence_level": 0.8,  # the suite's
    "use_lower_bound": False,
    "min_sample_size": 2,
    "min_sample_action": "warn",
    "max_error_rate": 0.5,
    "request": 6,
}


def project(folder: Path) -> Path:
    """A project whose files say some of it; gives the config's path."""
    return write_project(
        folder,
        harness={"concurrency": 8, "timeout_seconds": 7},
        suites=[suite("qa", "qa-v1", statistics={"confidence_level": 0.8})],
        defaults={"retries": 1, "timeout_seconds": 5, "retry_delay_ms": 100},
    )


def test_a_real_server_takes_its_settings_from_the_environment(tmp_path: Path) -> None:
    """The plan in the log holds every setting as it was resolved, and the run says the rest."""
    config = project(tmp_path)
    with serving_live(config, **ENVIRONMENT) as live, live.client() as client:
        document = run_to_end(client, concurrency=6)
    assert document["status"] == "passed"
    (warning,) = document["warnings"]
    assert "min_sample_size" in warning
    assert plan_of(config) == PLAN


async def test_the_config_of_a_request_gets_them_too(tmp_path: Path) -> None:
    """It is read for each request, and so is an edit of the file."""
    config = project(tmp_path)
    other = write_yaml(tmp_path / "other.yml", json.loads(config.read_text()))
    write_config(tmp_path, [suite("elsewhere", "qa-v1")])
    async with serving(config, environment=ENVIRONMENT) as client:
        await client.run(config=other.name, concurrency=6)
    assert plan_of(config) == PLAN
