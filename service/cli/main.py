"""The `matchspec` command. Each subcommand imports what it needs when it runs."""

import click


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from service.version import VERSION

        click.echo(f"matchspec v{VERSION}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help="Print the version."
)
def main() -> None:
    """Run evaluations of language models, and keep what happened in a log that can be believed."""


@main.command()
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--config", metavar="FILE", help="The configuration. [default: ./matchspec.yml, then $HOME/.matchspec/config.yml]"
)
@click.option("--db", metavar="FILE", help="The event log. [default: .matchspec/matchspec.db beside the configuration]")
@click.option(
    "--config-root", metavar="DIR", help="Where a request's `config` may point. [default: the configuration's folder]"
)
@click.option(
    "--allowed-host", metavar="NAME", multiple=True, help="A further name for this server, when it has no key."
)
@click.option("--max-model-calls", type=click.IntRange(1), default=256, show_default=True, help="Model calls at once.")
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
