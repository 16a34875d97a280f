from importlib import import_module
from pkgutil import iter_modules

import pytest
from consortium import NOW, TODAY, make_consortium

import linkage.cli


@pytest.fixture
def consortium(tmp_path):
    return make_consortium(tmp_path)


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    """Set every command's clock to the day on which the consortium works: its agreement has a first and a last day."""
    # All are imported before any is changed: each takes its clock from another when it is imported.
    commands = [import_module(module.name) for module in iter_modules(linkage.cli.__path__, "linkage.cli.")]
    for module in commands:
        for name, value in (("now", NOW), ("today", TODAY)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda value=value: value)
