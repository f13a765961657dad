"""The `matchspec` command. Each subcommand imports what it needs when it runs."""

import errno
import io
import os
import sys
from typing import Literal

import click

from service.cli.log_commands import backup, copy, export, regrade, replay, report, verify

# Where rich is installed, httpx imports a command line of its own with it: a quarter of what a run would import.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


class _Commands(click.Group):
    """The group of commands; Ctrl-C in any of them gives the exit code 130."""

    def invoke(self, context: click.Context) -> object:
        from service.cli.failures import INTERRUPTED, RUNTIME
        from service.cli.saying import drop_stdout

        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("matchspec: interrupted", err=True)
            context.exit(INTERRUPTED)
        except OSError as error:  # of printing: whatever else can fail is told where it does
            drop_stdout(error)
            context.exit(0 if error.errno == errno.EPIPE else RUNTIME)


class _Run(click.Command):
    """`matchspec run`, where `--no-write` may be followed by a PATH, and by a truth value only behind `=`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else args
        return super().parse_args(ctx, [*map(_spell_out_no_write, options), *args[len(options) :]])


def _spell_out_no_write(word: str) -> str:
    name, equals, value = word.partition("=")
    if name != "--no-write" or not equals:
        return word
    return "--no-write" if click.BOOL.convert(value, None, None) else "--write"


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from service.version import VERSION

        click.echo(f"matchspec v{VERSION}")
        context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help="Print the version."
)
@click.pass_context
def main(context: click.Context) -> None:
    """Run evaluations of language models, and keep what happened in a log that can be believed."""
    if os.environ.get("NO_COLOR"):
        context.color = False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show ✓ must not end the program


@main.command(cls=_Run)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-s", "--suite", metavar="NAME", help="Run this suite only.")
@click.option("--tags", metavar="A,B", help="Only examples that carry one of these tags.")
@click.option("-c", "--concurrency", type=click.IntRange(1, 100_000), metavar="N", help="Model calls at once, in all.")
@click.option("--timeout", type=click.FloatRange(0, 86_400, min_open=True), metavar="SECONDS", help="Of one attempt.")
@click.option(
    "-o", "--output", type=click.Choice(["json", "junit", "markdown"]), help="Write this beside the JSON file."
)
@click.option("--output-dir", metavar="DIR", help="Where result files go. [default: the configuration's output.dir]")
@click.option("--no-write/--write", default=False, help="Write no result files, or write them. [default: --write]")
@click.option("--show-all-failures", is_flag=True, help="Report every failing example, not the first five.")
@click.option("--fail-fast", is_flag=True, help="One harness after another; the first that fails is the last.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be asked.")
@click.option(
    "--config", metavar="FILE", help="The configuration. [default: ./matchspec.yml, then $HOME/.matchspec/config.yml]"
)
@click.option("--badge", metavar="FILE.svg", help="Write a badge with the verdict.")
@click.option("--server", metavar="URL", help="Run on this server; MATCHSPEC_API_KEY is its key.")
@click.option("--resume", metavar="RUN_ID", help="Go on with a run that was interrupted.")
@click.option("--baseline", metavar="RUN_ID", help="Fail where a deciding grader is worse than in this run.")
@click.option("-v", "--verbose", is_flag=True, help="Tell every example as it is scored.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors; the exit code has the verdict.")
def run(**options: object) -> None:
    """Run the configuration's suites and report.

    With PATHs: harness files, or the harness files below folders, each PATH a suite of its own; no configuration is
    needed. Exit codes: 0 passed, 1 failed, 2 a mistake in what was written, 3 the run ended as error, 130 interrupted.
    """
    import msgspec

    from service.cli.run import Options
    from service.cli.run import run as run_suites

    try:
        converted = msgspec.convert(options, Options)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        raise click.UsageError(f"--{field}: the value is out of range") from error
    raise SystemExit(run_suites(converted))


@main.command()
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--config", metavar="FILE", help="The configuration. [default: ./matchspec.yml, then $HOME/.matchspec/config.yml]"
)
@click.option("--db", metavar="LOG", help="The event log. [default: .matchspec/matchspec.db beside the configuration]")
@click.option(
    "--config-root", metavar="DIR", help="Where a request's `config` may point. [default: the configuration's folder]"
)
@click.option(
    "--allowed-host", metavar="NAME", multiple=True, help="A further name for this server, when it has no key."
)
@click.option(
    "--max-model-calls",
    type=click.IntRange(0),
    default=256,
    show_default=True,
    help="Model calls at once; 0 leaves them to workers.",
)
@click.option("--max-active-runs", type=click.IntRange(1), default=16, show_default=True, help="Runs at work at once.")
@click.option("--max-waiting-runs", type=click.IntRange(0), default=1000, show_default=True, help="Runs that may wait.")
def serve(**options: object) -> None:
    """Serve the HTTP API.

    Every run that was not over when the last server ended is finished. These variables are read: MATCHSPEC_CONFIG and
    MATCHSPEC_DB, where the option is left out; MATCHSPEC_API_KEY, the token that requests must bring;
    MATCHSPEC_LOG_LEVEL, one of debug, info, warn, error.
    """
    import msgspec

    from service.cli.serve import Options
    from service.cli.serve import serve as run_server

    raise SystemExit(run_server(msgspec.convert(options, Options)))


@main.command()
@click.option("--db", metavar="URL", help="The event log, postgresql://… [default: MATCHSPEC_DB]")
@click.option("-c", "--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Model calls at once.")
@click.option(
    "--config", metavar="FILE", help="The configuration. [default: ./matchspec.yml, then $HOME/.matchspec/config.yml]"
)
@click.option("--config-root", metavar="DIR", help="Where the servers' --config-root is here.")
def worker(**options: object) -> None:
    """Work on the runs of servers with a log on PostgreSQL.

    Any number of workers may. Each needs the variables, scripts and graders that the runs need; what it has not, it
    leaves to others. A signal ends it: what is in flight is recorded, the rest is taken up by others.
    """
    import msgspec

    from service.cli.worker import Options, work

    raise SystemExit(work(msgspec.convert(options, Options)))


@main.command()
@click.option("--with-examples", is_flag=True, help="Write a second suite too: graders, thresholds, tags.")
@click.option("--force", is_flag=True, help="Overwrite files that are already there.")
def init(**options: bool) -> None:
    """Write a starter configuration that runs without a key."""
    from pathlib import Path

    from service.cli.init import init as write_starter

    raise SystemExit(write_starter(Path.cwd(), **options))


@main.command()
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(),
    help="The configuration. [default: ./matchspec.yml, then $HOME/.matchspec/config.yml]",
)
def validate(config: str | None) -> None:
    """Check every file, and tell all mistakes at once.

    Read are the configuration, its harness files, and their datasets to the last row. Exits with 0, or with 2 where a
    file has a mistake; a warning is no mistake.
    """
    from service.cli.validate import validate as check_files

    raise SystemExit(check_files(config))


@main.command()
@click.argument("kind", type=click.Choice(["config", "harness", "dataset"]), required=False)
@click.option(
    "-o",
    "--output-dir",
    metavar="DIR",
    type=click.Path(),
    help="Write KIND.schema.json there: this kind, or all three.",
)
def schema(kind: Literal["config", "harness", "dataset"] | None, output_dir: str | None) -> None:
    """Print the JSON Schema of a kind of file, for editors. [default: config]"""
    from service.cli.schema import schema as give_schema

    raise SystemExit(give_schema(kind, output_dir))


main.add_command(report)
main.add_command(regrade)
main.add_command(export)
main.add_command(replay)
main.add_command(verify)
main.add_command(backup)
main.add_command(copy)
