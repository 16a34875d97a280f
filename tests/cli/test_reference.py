"""Every command is documented, and the page is the command line's own."""

import click
import pytest

from docs.reference import PAGE, reference
from linkage.cli.main import COMMANDS, main


def test_the_command_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("name", [name for section in COMMANDS.values() for name in section])
def test_every_command_loads_and_says_what_it_does(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help
