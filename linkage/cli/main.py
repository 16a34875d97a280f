"""The command line: one group, its commands listed by who uses them."""

from __future__ import annotations

from typing import Any

import click

from linkage.cli.hub import hub
from linkage.cli.keys import keys, secret
from linkage.cli.simulate import simulate
from linkage.cli.steward import hash_command, seal_command
from linkage.cli.try_files import try_files
from linkage.errors import LinkageError

_SECTIONS = (
    ("Try it", ("demo", "try", "simulate")),
    ("Agency data steward", ("keys", "secret", "hash", "seal")),
    ("Hub operator", ("hub", "ledger")),
    ("Researcher", ("open", "tabulate", "audit")),
    ("Counsel and oversight", ("agreement",)),
)


class _Sectioned(click.Group):
    """Lists commands under the role that uses them, and turns our errors into messages and exit code 1."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS:
            rows = [(n, c.get_short_help_str(80)) for n in names if (c := self.get_command(ctx, n)) and not c.hidden]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except LinkageError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Sectioned, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="linkage")
def main() -> None:
    """Link records of the same people across agencies that may not show each other a name.

    Each agency hashes identifiers on its own machine with a secret that the hub never holds. A neutral hub links the
    encodings and keeps common student IDs. Researchers receive what a signed agreement allows, small cells suppressed.

    Start with `linkage demo`, or `linkage try A.csv B.csv` on files of your own.
    """


for _command in (try_files, simulate, keys, secret, hash_command, seal_command, hub):
    main.add_command(_command)

