"""deploy/: the compose file and the Kubernetes manifest are valid, and fit the program, its image and each other."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from app_routes import paths
from doc_pages import ROOT

from service.cli.main import main
from service.files.overrides import OTHER_VARIABLES

Fields = dict[str, Any]
Check = Callable[[Path], subprocess.CompletedProcess[str]]

COMPOSE, KUBERNETES = ROOT / "deploy/compose.yaml", ROOT / "deploy/kubernetes.yaml"
OF_LIBPQ = {"PGPASSWORD"}
PORT = 8090
SECRETS = {"PGPASSWORD", "MATCHSPEC_API_KEY", "POSTGRES_PASSWORD"}


def services() -> dict[str, Fields]:
    """The services of the compose file."""
    found: dict[str, Fields] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def our_services() -> dict[str, Fields]:
    """Those that run our image."""
    return {name: service for name, service in services().items() if service["image"] == "matchspec-server"}


def resources(kind: str) -> list[Fields]:
    """The resources of a kind in the manifest."""
    return [one for one in yaml.safe_load_all(KUBERNETES.read_text()) if one["kind"] == kind]


def containers() -> list[Fields]:
    """The containers of all pods; each has one."""
    return [container for one in resources("Deployment") for container in one["spec"]["template"]["spec"]["containers"]]


def check(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of the programs that hold files against published schemas, ended."""
    command = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def check_compose(file: Path) -> subprocess.CompletedProcess[str]:
    """Hold a file against the schema of the Compose Specification."""
    return check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


def check_kubernetes(file: Path) -> subprocess.CompletedProcess[str]:
    """Hold each resource of a file against the schema of its kind, which knows all its fields."""
    return check("kubernetes-validate", "--strict", "--kubernetes-version", "1.37", file)


@pytest.mark.parametrize(
    ("file", "checked"), [(COMPOSE, check_compose), (KUBERNETES, check_kubernetes)], ids=["c", "k"]
)
def test_the_file_is_valid(file: Path, checked: Check, tmp_path: Path) -> None:
    """The published schema takes it, and would have found a field that there is not."""
    held = checked(file)
    assert held.returncode == 0, held.stdout + held.stderr
    wrong = tmp_path / file.name
    wrong.write_text(re.sub(r"^( +)(image): ", r"\1images: ", file.read_text(), count=1, flags=re.MULTILINE))
    assert checked(wrong).returncode == 1


def test_commands_are_ours() -> None:
    """Each names a command of the program, with options and values that it takes."""
    for container in (*our_services().values(), *containers()):
        program, name, *arguments = container["command"]
        assert program == "matchspec"
        main.commands[name].make_context(name, list(arguments))
        if name == "serve":
            assert arguments == ["--host", "0.0.0.0", "--port", str(PORT), "--max-model-calls", "0"]


def test_variables_are_read_and_secrets_are_elsewhere() -> None:
    """Each variable is one that we or PostgreSQL's client read; no file holds a secret."""
    known = set(OTHER_VARIABLES) | OF_LIBPQ
    for service in our_services().values():
        assert set(service["environment"]) <= known
    for service in services().values():
        secrets = {name: value for name, value in service.get("environment", {}).items() if name in SECRETS}
        assert all(re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value) for value in secrets.values())
    (given,) = resources("ConfigMap")
    assert set(given["data"]) == {"MATCHSPEC_DB"}
    assert resources("Secret") == []
    told = set(re.findall(r"--from-literal=(\w+)=\.\.\.", KUBERNETES.read_text()))
    assert told == {"PGPASSWORD", "MATCHSPEC_API_KEY"}
    for settings in (given["data"], *(service["environment"] for service in our_services().values())):
        assert re.match(r"postgresql://\w+@\w", settings["MATCHSPEC_DB"])  # without a password


def test_services_of_the_compose_file_find_each_other() -> None:
    """Who waits for the database's health gets to know it, and the database that is named is the one that is made."""
    database = services()["db"]
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    for service in our_services().values():
        assert service["depends_on"] == {"db": {"condition": "service_healthy"}}
        user = database["environment"]["POSTGRES_USER"]
        assert service["environment"]["MATCHSPEC_DB"] == f"postgresql://{user}@db/{user}"  # named after its user


def test_the_balancer_knows_both_servers() -> None:
    """It asks each server's port whether it is ready."""
    servers = [name for name, service in our_services().items() if service["command"][1] == "serve"]
    assert len(servers) == 2
    settings = yaml.safe_load(COMPOSE.read_text())["configs"]["balancer"]["content"]
    assert re.findall(r"reverse_proxy (.*) \{", settings) == [" ".join(f"{name}:{PORT}" for name in servers)]
    (asked,) = re.findall(r"health_uri (\S+)", settings)
    assert asked in paths()
    assert services()["balancer"]["depends_on"] == servers
    assert services()["balancer"]["configs"][0]["source"] == "balancer"


def test_there_are_workers() -> None:
    """Both files start several, and none is asked for its health as a server is."""
    worker = our_services()["worker"]
    assert worker["deploy"]["replicas"] > 1
    assert worker["healthcheck"] == {"disable": True}
    (pods,) = [one for one in resources("Deployment") if one["metadata"]["name"] == "matchspec-worker"]
    assert pods["spec"]["replicas"] > 1
    assert pods["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 15


def test_selectors_choose_the_pods_they_mean() -> None:
    """A deployment selects its own pods only; service and budgets select those of one deployment each."""
    labels = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in resources("Deployment")}
    assert len({json.dumps(one) for one in labels.values()}) == 2
    for one in resources("Deployment"):
        assert one["spec"]["selector"]["matchLabels"] == labels[one["metadata"]["name"]]
    budgets = {
        one["metadata"]["name"]: one["spec"]["selector"]["matchLabels"] for one in resources("PodDisruptionBudget")
    }
    assert budgets == labels
    (service,) = resources("Service")
    assert service["spec"]["selector"] == labels["matchspec-server"]


def test_probes_ask_routes_of_the_api() -> None:
    """Readiness asks /ready, start and life /health, at a port that the server listens on, as the service does."""
    (server,) = [one for one in containers() if one["command"][1] == "serve"]
    asked = {name: server[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: one["path"] for name, one in asked.items()} == {
        "startup": "/health",
        "readiness": "/ready",
        "liveness": "/health",
    }
    assert {one["path"] for one in asked.values()} <= set(paths())
    assert server["ports"] == [{"name": "http", "containerPort": PORT}]
    assert {one["port"] for one in asked.values()} == {"http"}
    (service,) = resources("Service")
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


def test_all_pods_run_one_image_with_the_same_settings() -> None:
    """Servers and workers must have the same files and reach the same log."""
    assert len({container["image"] for container in containers()}) == 1
    assert len({json.dumps(container["envFrom"]) for container in containers()}) == 1
    assert "ENTRYPOINT" not in (ROOT / "Dockerfile").read_text()  # `command` is the whole command line
    assert f"EXPOSE {PORT}\n" in (ROOT / "Dockerfile").read_text()


def test_the_page_names_both_files() -> None:
    """docs/scaling.md links to them, and shows how the first is started as it says itself."""
    page = (ROOT / "docs/scaling.md").read_text()
    assert "(../deploy/compose.yaml)" in page
    assert "(../deploy/kubernetes.yaml)" in page
    for file in (COMPOSE, KUBERNETES):
        (start,) = re.findall(r"^#   (docker compose .*|kubectl apply .*)$", file.read_text(), re.MULTILINE)
        assert start in page
