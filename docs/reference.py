"""Writes docs/commands.md from the command line itself; a test holds the file against it.

Run as ``python -m docs.reference``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from linkage.cli.main import main

PAGE = Path(__file__).with_name("commands.md")
_HEAD = "# Commands\n\nWritten by `make docs` from the commands' own help.\n"


def _commands(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from _commands(found, child, context)


def reference() -> str:
    """Return the page."""
    parts = [_HEAD]
    for path, text in _commands(main, "linkage", None):
        parts.append(f"## `{path}`\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
