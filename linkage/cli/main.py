"""The command line: one group, its commands listed by who uses them and loaded when they are called."""

from __future__ import annotations

import errno
from importlib import import_module
from typing import Any

import click

from linkage.errors import LinkageError

#: Section, then command: where it is, and the line that the overview shows of it.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Try it": {
        "demo": ("demo:demo", "Simulate a consortium and play steward, hub and researcher."),
        "try": ("try_files:try_files", "Link files of your own on this machine; with one file, find its duplicates."),
        "simulate": ("simulate:simulate", "Write a fictional consortium, the truth apart."),
    },
    "Agency data steward": {
        "keys": ("keys:keys", "Make and show key files."),
        "secret": ("secret:secret", "Make, share, check and renew the secret that the hub never holds."),
        "check": ("check:check", "Profile an extract before it is hashed."),
        "hash": ("steward:hash_command", "Hash an extract's identifiers and seal them for the hub."),
        "seal": ("steward:seal_command", "Seal payload (grades, attendance, wages) for the release room."),
        "review": ("answering:review", "Judge pairs in doubt that the hub asks about, on your own files."),
        "agency-ids": ("answering:agency_ids_command", "Open the lasting IDs that the hub gives your own records."),
        "local-ids": ("answering:local_ids_command", "Turn tokens in a table from the hub back into your own IDs."),
    },
    "Agencies that already run clkhash": {
        "clk": ("clk:clk", "Write clkhash-compatible CLKs, and match them."),
    },
    "Hub operator": {
        "hub": ("hub:hub", "Receive, match, resolve, release."),
        "ledger": ("ledger:ledger", "Verify and show the record of what was done and disclosed."),
    },
    "Researcher": {
        "open": ("researcher:open_command", "Verify and unpack a release."),
        "tabulate": ("disclosure:tabulate", "Make a table that gives no small cell back."),
        "audit": ("disclosure:audit", "Attack a published table as an outsider would."),
    },
    "Counsel and oversight": {
        "agreement": ("agreement:agreement", "Check, render, sign, verify and explain agreements."),
        "status": ("oversight:status", "Say what is owed under the agreements; fails if anything is overdue."),
        "destroy": ("oversight:destroy", "Destroy files and certify it."),
    },
}
_PLACES = {name: place for section in COMMANDS.values() for name, (place, _) in section.items()}


class _Sectioned(click.Group):
    """Lists commands under the role that uses them, and turns our errors into messages and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PLACES:
            return None
        module, _, attribute = _PLACES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"linkage.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()], col_max=12)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except LinkageError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except OSError as error:
            # Nobody reads on (``| head``): click ends the run in silence.
            if error.errno in {None, errno.EPIPE}:
                raise
            # A full disk or a folder that may not be written to: the system says what, and nothing is half-written.
            click.echo(f"error: {error.filename or 'the file system'}: {error.strerror}", err=True)
            ctx.exit(1)


@click.group(cls=_Sectioned, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="linkage")
def main() -> None:
    """Link records of the same people across agencies that may not show each other a name.

    Each agency hashes identifiers on its own machine with a secret that the hub never holds. A neutral hub links the
    encodings and keeps common student IDs. Researchers receive what a signed agreement allows, small cells suppressed.

    Start with `linkage demo`, or `linkage try A.csv B.csv` on files of your own.
    """
