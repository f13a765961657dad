"""Rules over more than one field."""

import pytest

from domain.grader_spec import ContainsConfig, ContainsGrader, ExactMatchGrader, Grader, RegexConfig, RegexGrader
from domain.model_rules import Fault, find_model_faults, find_variables
from domain.model_spec import CommandModel, EchoModel, HttpModel
from domain.rules import SuiteFault, find_config_faults, find_harness_faults, find_suite_faults
from domain.spec import Config, Harness, InlineDataset, InlineExample, Suite


def harness(*graders: Grader, name: str = "h", ids: tuple[str, ...] = ("a",)) -> Harness:
    """A harness with these graders and examples."""
    examples = [InlineExample(id=id_, input="", expected="") for id_ in ids]
    return Harness(
        version=1,
        name=name,
        dataset=InlineDataset(name="d", examples=examples),
        model=EchoModel(),
        graders=list(graders) or [ExactMatchGrader()],
    )


def pattern_told(pattern: str) -> list[str]:
    """List what is told about a pattern."""
    return [fault.message for fault in find_harness_faults(harness(RegexGrader(config=RegexConfig(pattern=pattern))))]


def http(**fields: object) -> list[Fault]:
    """List what is told about an http model."""
    return list(find_model_faults(HttpModel(**({"endpoint": "http://localhost"} | fields))))  # type: ignore[arg-type]


def test_suite_names_are_unique() -> None:
    """The second of two equal names is told, with the place of the first."""
    config = Config(version=1, suites=[Suite(name=name, harnesses=[]) for name in ("a", "b", "a")])
    assert list(find_config_faults(config)) == [
        Fault(("suites", 2, "name"), "the suite 'a' is already there", ("suites", 0, "name"))
    ]


def test_a_harness_file_stands_once_in_a_suite() -> None:
    """Two ways to write one path are the same file; two suites may share one."""
    suites = [Suite(name="a", harnesses=["./x.yml", "y/../x.yml"]), Suite(name="b", harnesses=["x.yml"])]
    assert list(find_config_faults(Config(version=1, suites=suites))) == [
        Fault(("suites", 0, "harnesses", 1), "the harness file 'x.yml' is already there", ("suites", 0, "harnesses", 0))
    ]


def test_a_suite_without_harnesses_is_valid() -> None:
    """It can be written, though not run."""
    suite = Suite(name="a", harnesses=[], thresholds={"overall": 1})
    assert list(find_config_faults(Config(version=1, suites=[suite]))) == []
    assert list(find_suite_faults(0, suite, [])) == []


def test_grader_names_are_unique() -> None:
    """A grader without a name goes by its type."""
    assert list(find_harness_faults(harness(ContainsGrader(name="exact_match"), ExactMatchGrader()))) == [
        Fault(("graders", 1, "name"), "the grader 'exact_match' is already there", ("graders", 0, "name"))
    ]


def test_overall_is_no_name_for_a_grader() -> None:
    """It means the whole suite."""
    assert list(find_harness_faults(harness(ExactMatchGrader(name="overall")))) == [
        Fault(("graders", 0, "name"), "'overall' means the whole suite; choose another name")
    ]


def test_example_ids_are_unique() -> None:
    """Each repeat is told."""
    faults = list(find_harness_faults(harness(ids=("a", "b", "a", "a"))))
    assert [(fault.place, fault.first) for fault in faults] == [
        (("dataset", "examples", 2, "id"), ("dataset", "examples", 0, "id")),
        (("dataset", "examples", 3, "id"), ("dataset", "examples", 0, "id")),
    ]
    assert faults[0].message == "the example 'a' is already there"


def test_a_dataset_holds_an_example() -> None:
    """An empty one has nothing to evaluate."""
    assert list(find_harness_faults(harness(ids=()))) == [
        Fault(("dataset", "examples"), "must hold at least one example")
    ]


def test_harness_names_are_unique_in_a_suite() -> None:
    """Two files may not go by one name there."""
    faults = find_suite_faults(1, Suite(name="s", harnesses=["x", "y"]), [harness(), harness()])
    expected = Fault(("suites", 1, "harnesses", 1), "the harness 'h' is already there", ("suites", 1, "harnesses", 0))
    assert list(faults) == [SuiteFault(None, expected)]


def test_a_threshold_is_about_a_grader_of_the_suite() -> None:
    """Another name is told with the nearest."""
    suite = Suite(name="s", harnesses=["x"], thresholds={"exact_mtch": 0.5, "overall": 1, "contains": 1})
    faults = list(find_suite_faults(0, suite, [harness(ExactMatchGrader(), ContainsGrader())]))
    message = "'exact_mtch' is no grader of this suite's harnesses (did you mean 'exact_match'?)"
    assert faults == [SuiteFault(None, Fault(("suites", 0, "thresholds", "exact_mtch"), message))]


def test_thresholds_are_not_judged_while_a_harness_is_unreadable() -> None:
    """The missing grader may be in the file that could not be read."""
    suite = Suite(name="s", harnesses=["x", "y"], thresholds={"other": 0.5})
    assert list(find_suite_faults(0, suite, [harness(), None])) == []


def test_graders_that_share_a_row_grade_alike() -> None:
    """One name, two configs, both on the suite's thresholds: told in the second file."""
    one = harness(ContainsGrader(), name="one")
    two = harness(ExactMatchGrader(), ContainsGrader(config=ContainsConfig(case_sensitive=False)), name="two")
    suite = Suite(name="s", harnesses=["1", "2"])
    message = (
        "the grader 'contains' differs from the one of harness 'one', with which it shares a row of the suite; "
        "give it another name or a threshold of its own"
    )
    assert list(find_suite_faults(0, suite, [one, two])) == [SuiteFault(1, Fault(("graders", 1), message))]


def test_graders_of_one_name_and_two_types_do_not_share_a_row() -> None:
    """The type counts as the config does."""
    one = harness(ContainsGrader(name="g"), name="one")
    two = harness(ExactMatchGrader(name="g"), name="two")
    assert len(list(find_suite_faults(0, Suite(name="s", harnesses=["1", "2"]), [one, two]))) == 1


def test_a_grader_with_its_own_threshold_shares_no_row() -> None:
    """It may differ from others of its name."""
    one = harness(ContainsGrader(name="g"), name="one")
    two = harness(ExactMatchGrader(name="g", threshold=0.5), name="two")
    assert list(find_suite_faults(0, Suite(name="s", harnesses=["1", "2"]), [one, two])) == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "is not a valid RE2 pattern: invalid perl operator: (?=; RE2 has no lookahead"),
        ("(?<!a)b", "is not a valid RE2 pattern: invalid perl operator: (?<!; RE2 has no lookbehind"),
        (r"(a)\1", r"is not a valid RE2 pattern: invalid escape sequence: \1; RE2 has no backreferences"),
        ("a++", "is not a valid RE2 pattern: bad repetition operator: ++; RE2 has no possessive repetition"),
        ("(", "is not a valid RE2 pattern: missing ): ("),
        ("{{expected}}(", "is not a valid RE2 pattern: missing ): x("),
    ],
)
def test_a_pattern_is_one_of_re2(pattern: str, message: str) -> None:
    """What RE2 lacks is named."""
    assert pattern_told(pattern) == [message]


@pytest.mark.parametrize("pattern", [r"A: {{expected}}\s*$", "({{{expected}}})", "(?P<a>x)", r"\d{1,3}"])
def test_a_valid_pattern_is_taken(pattern: str) -> None:
    """Placeholders are filled before the pattern is tried."""
    assert pattern_told(pattern) == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost:8091/v1/chat/completions",
        "https://api.example.com",
        "http://[::1]:80/x",
        "${BASE_URL}/v1",
        "http://${HOST}:${PORT}/v1?a=b@c",
    ],
)
def test_an_endpoint_is_a_url_with_or_without_variables(endpoint: str) -> None:
    """Variables may stand for any part of it."""
    assert http(endpoint=endpoint) == []


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("localhost:8091", "must be an http:// or https:// URL, found 'localhost:8091'"),
        ("ftp://host/", "must be an http:// or https:// URL, found 'ftp://host/'"),
        ("http:///v1", "must be an http:// or https:// URL, found 'http:///v1'"),
        ("http://host:99999/", "must be an http:// or https:// URL, found 'http://host:99999/'"),
        ("http://host/a b", "must not hold spaces or control characters"),
        ("http://host/\r\nX: y", "must not hold spaces or control characters"),
        ("http://${1}/", "holds a `${` that begins no ${NAME}"),
        (
            "http://user:pw@host/",
            "must not hold a user name or password; use api_key_env, or a header with ${NAME}",
        ),
        (
            "${SCHEME}://${USER}@host/",
            "must not hold a user name or password; use api_key_env, or a header with ${NAME}",
        ),
    ],
)
def test_what_is_no_endpoint_is_told(endpoint: str, message: str) -> None:
    """Other schemes, no host, bad ports, spaces, passwords, unfinished variables."""
    assert http(endpoint=endpoint) == [Fault(("model", "endpoint"), message)]


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-API-KEY", "Api-Key"])
def test_a_secret_is_not_written_in_a_header(name: str) -> None:
    """A literal value is refused, a variable is not."""
    message = "must not hold the secret itself; use api_key_env, or ${NAME} with a variable that holds it"
    for literal in ("sk-123", "sk-123-${KEY}", "Bearer sk-abc${KEY}", "${KEY} sk-123", "session=abc; key=${KEY}"):
        assert http(headers={name: literal}) == [Fault(("model", "headers", name), message)]
    for variable in ("${KEY}", "Bearer ${KEY}", "session=${KEY}; key=${OTHER}", "Token token=${KEY}"):
        assert http(headers={name: variable}) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X A", "b", "is not a possible header name: letters, digits and - are allowed"),
        ("X:", "b", "is not a possible header name: letters, digits and - are allowed"),
        ("X-A", "b\r\nX-B: c", "must be ASCII text on one line"),
        ("X-A", "b\n", "must be ASCII text on one line"),
        ("X-A", "é", "must be ASCII text on one line"),
        ("X-A", "${B", "holds a `${` that begins no ${NAME}"),
        ("Content-Length", "5", "is set by matchspec itself; leave it out"),
    ],
)
def test_a_header_can_be_sent(name: str, value: str, message: str) -> None:
    """Names are tokens, values are one line of ASCII."""
    assert http(headers={name: value}) == [Fault(("model", "headers", name), message)]


def test_api_key_env_names_a_variable() -> None:
    """A key itself is not taken for a name."""
    message = "must be the name of an environment variable, such as OPENAI_API_KEY"
    assert http(api_key_env="sk-123") == [Fault(("model", "api_key_env"), message)]


def test_api_key_env_and_an_authorization_header_exclude_each_other() -> None:
    """Both would set the same header."""
    message = "sets the Authorization header, which `headers` sets too; keep one of them"
    faults = http(api_key_env="KEY", headers={"authorization": "Bearer ${KEY}"})
    assert faults == [Fault(("model", "api_key_env"), message)]


@pytest.mark.parametrize("template", ['{"a": ["x {{input}} y"]}', '"{{input}}"', '{"a": "é{{input}}", "b": 1}'])
def test_a_template_is_json_that_holds_the_input(template: str) -> None:
    """The input may stand in any string value."""
    assert http(request_template=template) == []


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('{"a": 1}', "must hold {{input}} in a string value, or every request would be the same"),
        ('{"{{input}}": 1}', "must hold {{input}} in a string value, or every request would be the same"),
        (
            '{"a": {{input}}}',
            'must be JSON: object keys must be strings (byte 7); {{input}} stands in a string: "{{input}}"',
        ),
        ('{"a": "{{input}}"', "must be JSON: it ends too early"),
        ("[" * 100_000, "must be JSON: nested too deep"),
    ],
)
def test_a_template_that_can_not_work_is_told(template: str, message: str) -> None:
    """No JSON, or JSON without the input in a value."""
    assert http(request_template=template) == [Fault(("model", "request_template"), message)]


def test_a_response_path_is_checked() -> None:
    """A path that jmespath can't read is told as written."""
    assert http(response_path="choices[0].message.content") == []
    message = "must be a path such as choices[0].message.content, found 'choices[0'"
    assert http(response_path="choices[0") == [Fault(("model", "response_path"), message)]


def test_a_command_holds_no_nul_and_names_a_program() -> None:
    """Both could not be executed."""
    assert list(find_model_faults(CommandModel(command=["", "a\0b"]))) == [
        Fault(("model", "command", 1), "must not hold a NUL character"),
        Fault(("model", "command", 0), "must name a program"),
    ]


def test_the_variables_of_a_model_are_found_with_their_fields() -> None:
    """The endpoint, each header and the key."""
    model = HttpModel(endpoint="${BASE}/${V}", headers={"X-A": "a ${A}", "X-B": "b"}, api_key_env="KEY")
    assert find_variables(model) == [
        (("model", "endpoint"), "BASE"),
        (("model", "endpoint"), "V"),
        (("model", "headers", "X-A"), "A"),
        (("model", "api_key_env"), "KEY"),
    ]
    assert find_variables(EchoModel()) == []


def test_a_proxy_with_a_password_is_a_variable() -> None:
    """The advice is one that can be followed: no header reaches a proxy."""
    message = "must not hold a user name or password; put the whole address into a variable, as ${NAME}"
    assert http(proxy="http://me:${PASSWORD}@proxy:3128") == [Fault(("model", "proxy"), message)]
    assert http(proxy="${PROXY}") == http(proxy="http://proxy:3128") == []
