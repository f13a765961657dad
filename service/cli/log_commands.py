"""The commands about runs of the past and the logs that hold them. Each imports what it needs when it runs."""

import click


@click.command()
@click.argument("run", required=False, metavar="[FILE|RUN_ID]")
@click.option("-f", "--format", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("--show-passing", is_flag=True, help="List the passing examples too.")
@click.option("--show-all-failures", is_flag=True, help="Report every failing example, not the first five.")
@click.option("--config", metavar="FILE", help="The configuration beside which the runs are.")
@click.option(
    "--db", metavar="FILE", help="A server's log. [default: .matchspec/matchspec.db beside the configuration]"
)
def report(**options: object) -> None:
    """Show a past run again.

    A result file, a run by its id, or the run that started last.
    """
    import msgspec

    from service.cli.report import Options
    from service.cli.report import report as show

    raise SystemExit(show(msgspec.convert(options, Options)))
