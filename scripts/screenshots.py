"""The pictures of docs/web-page.md: runs the demo's suites against its model, and looks at the web page."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from live_server import ask, exit_on_signals, follow, free_port, matchspec_serve, python_script, running
from openai_shape import MODELS_PATH
from playwright.sync_api import Page, sync_playwright

MODEL_PORT = 8091  # as the demo's harness file has it
SUITES = ("reading-facts", "reading-smoke", "reading", "reading-facts", "reading-smoke", "reading")
DOCS = Path("docs")
SIZE = (1100, 720)


def main() -> None:
    """Take the pictures; exits 1 with a sentence where something broke."""
    exit_on_signals()
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("screenshots: no chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        url = serve(Path(folder), servers)
        run_id = [run_to_end(url, suite) for suite in SUITES][-1]
        browser = servers.enter_context(sync_playwright()).chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        take(page, f"{url}/#/runs", "tbody tr .meter", "web-page-runs")
        take(page, f"{url}/#/run/{run_id}", ".all .line", "web-page-run")
        browser.close()


def run_to_end(url: str, suite: str) -> str:
    """Run a suite to its end; gives the run's id."""
    run_id = str(ask(f"{url}/run", {"suite": suite})["run_id"])
    for _ in follow(f"{url}/results/{run_id}", 0.1):
        pass
    return run_id


def serve(folder: Path, servers: contextlib.ExitStack) -> str:
    """Start the demo's model and a server with a log of its own; gives its address."""
    command = python_script("demo_model.py", "--latency-ms", "20")
    ready = f"http://127.0.0.1:{MODEL_PORT}{MODELS_PATH}"
    servers.enter_context(running("the demo's model", command, ready, folder / "model.txt"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = matchspec_serve(Path("matchspec.yml"), port, "--db", str(folder / "log.db"))
    servers.enter_context(running("matchspec", command, f"{url}/health", folder / "server.txt"))
    return url


def take(page: Page, address: str, sign: str, name: str) -> None:
    """Take a picture of a screen once something is on it."""
    page.goto(address)
    page.locator(sign).first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / f"{name}.png")
    print(f"wrote docs/{name}.png")


if __name__ == "__main__":
    main()
