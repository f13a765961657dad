"""The commands about runs of the past and the logs that hold them. Each imports what it needs when it runs."""

import click


@click.command()
@click.argument("run", metavar="RUN_ID")
@click.option(
    "-o", "--output", type=click.Choice(["json", "junit", "markdown"]), help="Write this beside the JSON file."
)
@click.option("--output-dir", metavar="DIR", help="Where result files go. [default: the configuration's output.dir]")
@click.option("--no-write/--write", default=False, help="Write no result files, or write them. [default: --write]")
@click.option("--show-all-failures", is_flag=True, help="Report every failing example, not the first five.")
@click.option(
    "--config", metavar="FILE", help="The configuration. [default: the one that the run was started with, as it is now]"
)
@click.option("--db", metavar="LOG", help="A server's log. [default: .matchspec/matchspec.db beside the configuration]")
@click.option("--badge", metavar="FILE.svg", help="Write a badge with the verdict.")
@click.option("--server", metavar="URL", help="Regrade a run of this server there; MATCHSPEC_API_KEY is its key.")
@click.option("-v", "--verbose", is_flag=True, help="Tell every example as it is scored.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors; the exit code has the verdict.")
def regrade(**options: object) -> None:
    """Hold what a past run recorded to today's graders and thresholds.

    The model is not asked. It is a new run, with a log, a report, files and an exit code as those of `matchspec run`.
    """
    import msgspec

    from service.cli.regrade import Options
    from service.cli.regrade import regrade as grade_again

    raise SystemExit(grade_again(msgspec.convert(options, Options)))


@click.command()
@click.argument("run", required=False, metavar="[FILE|RUN_ID]")
@click.option(
    "-f", "--format", type=click.Choice(["text", "markdown", "html", "json"]), default="text", show_default=True
)
@click.option("--show-passing", is_flag=True, help="List the passing examples too.")
@click.option("--show-all-failures", is_flag=True, help="Report every failing example, not the first five.")
@click.option("--config", metavar="FILE", help="The configuration beside which the runs are.")
@click.option("--db", metavar="LOG", help="A server's log. [default: .matchspec/matchspec.db beside the configuration]")
@click.option(
    "--compare", nargs=2, metavar="A B", help="Compare two runs, by ids or result files: A the base, B the head."
)
def report(**options: object) -> None:
    """Show a past run again.

    A result file, a run by its id, or the run that started last. With --compare two of them, example by example: exits
    with 1 where B is worse than A.
    """
    import msgspec

    from service.cli.report import Options
    from service.cli.report import report as show

    raise SystemExit(show(msgspec.convert(options, Options)))


@click.command()
@click.argument("run", metavar="RUN_ID")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is standard output. [default: RUN_ID.jsonl here]")
@click.option("--force", is_flag=True, help="Overwrite a file that is already there.")
@click.option("--config", metavar="FILE", help="The configuration beside which the runs are.")
@click.option("--db", metavar="LOG", help="A server's log. [default: .matchspec/matchspec.db beside the configuration]")
def export(**options: object) -> None:
    """Write a run to one file that can be checked without the log.

    A run that is not over is exported as it stands. How to check the file: docs/log-format.md.
    """
    import msgspec

    from service.cli.export import Options
    from service.cli.export import export as write

    raise SystemExit(write(msgspec.convert(options, Options)))


@click.command()
@click.argument("run", required=False, metavar="[RUN_ID]")
@click.option("--server", metavar="URL", help="Compare what this server shows, too; MATCHSPEC_API_KEY is its key.")
@click.option("--config", metavar="FILE", help="The configuration beside which the runs are.")
@click.option("--db", metavar="LOG", help="A server's log. [default: .matchspec/matchspec.db beside the configuration]")
def replay(**options: object) -> None:
    """Decide recorded runs anew from their events, and compare.

    One run, or all that the server's log and the logs of `matchspec run` hold. Exit codes: 0 all the same, 1 something
    differs, 2 a mistake in what was typed, 3 a log or the server could not be read.
    """
    import msgspec

    from service.cli.replay import Options
    from service.cli.replay import replay as decide_anew

    raise SystemExit(decide_anew(msgspec.convert(options, Options)))


@click.command()
@click.argument("run", required=False, metavar="[RUN_ID]")
@click.option("--config", metavar="FILE", help="The configuration beside which the logs are.")
@click.option("--db", metavar="LOG", help="This log only. [default: the server's, and those of runs]")
@click.option("--checkpoint", metavar="FILE", multiple=True, help="A checkpoint that was kept elsewhere.")
@click.option("--public-key", metavar="FILE", help="Checkpoints must be signed with this key's other half.")
@click.option("--accept", is_flag=True, help="Record that a backup was put back: void are the checkpoints against it.")
def verify(**options: object) -> None:
    """Check that the logs are what was recorded.

    Every event against the hash chain, every content against its digest, the indexes, and the log against its
    checkpoint. With RUN_ID: the log that holds the run. Exit codes: 0 nothing altered, 1 something was, 2 a mistake
    in what was typed, 3 a log can't be read.
    """
    import msgspec

    from service.cli.verify import Options
    from service.cli.verify import verify as check

    if "" in (options["public_key"], *options["checkpoint"]):  # type: ignore[misc] # click gives a tuple
        raise click.UsageError("--checkpoint and --public-key need the name of a file")
    if options["accept"] and options["public_key"]:
        raise click.UsageError("--accept and --public-key don't go together: accept first, then check")
    raise SystemExit(check(msgspec.convert(options, Options)))


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--config", metavar="FILE", help="The configuration beside which the log is.")
@click.option("--db", metavar="FILE", help="The log. [default: .matchspec/matchspec.db beside the configuration]")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def backup(**options: object) -> None:
    """Copy the server's log to FILE, also while it is in use.

    The copy is one file, of one moment, and checked. To put it back: stop the server, copy it to the log's place, and
    say so with `matchspec verify --accept`.
    """
    import msgspec

    from service.cli.backup import Options
    from service.cli.backup import backup as copy_log

    raise SystemExit(copy_log(msgspec.convert(options, Options)))


@click.command()
@click.option("--from", "source", metavar="LOG", required=True, help="The log to copy.")
@click.option("--to", "target", metavar="LOG", required=True, help="Where it goes, and where no log is yet.")
def copy(**options: object) -> None:
    """Move a log: from a file into a database on PostgreSQL, or back.

    Stop the servers that write it first. Every event and content is copied as it is stored, and checked before and
    after. A URL is postgresql://USER@HOST/DATABASE; its password stands in PGPASSWORD or ~/.pgpass.
    """
    import msgspec

    from service.cli.copying import Options
    from service.cli.copying import copy as copy_log

    raise SystemExit(copy_log(msgspec.convert(options, Options)))
