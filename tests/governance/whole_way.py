"""One agreement from template to opened bundle, by the commands that people type."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from linkage.cli.main import main
from linkage.engine.headings import context_of
from linkage.engine.payload import PAYLOAD_MEMBER
from linkage.engine.rooms import Hub
from linkage.exchange.keys import PrivateKeys, load_private_keys
from linkage.exchange.manifest import Heading
from linkage.exchange.package import Member, open_package, write_package
from linkage.governance.document import read_agreement
from linkage.governance.model import Agreement
from linkage.governance.outputs import Output
from linkage.governance.standing import StandingAgreement, load_agreement
from linkage.resources import shipped
from linkage.simulation import Years, simulate, write_world
from linkage.simulation.world import World

PEOPLE, SEED, YEARS = 1600, 3, Years(2020, 2026)
TRAINED = (datetime.now(UTC) - timedelta(days=10)).date()


@cache
def people() -> World:
    return simulate(PEOPLE, SEED, YEARS)


@dataclass
class Played:
    """A consortium in a folder, after (or on) its whole way under one template."""

    folder: Path
    template: str
    bundles: dict[str, Path] = field(default_factory=dict)
    sealed: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "agreement.yaml"

    @property
    def agreement(self) -> StandingAgreement:
        return load_agreement(self.file)

    @property
    def terms(self) -> Agreement:
        return read_agreement(self.file).terms

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    def key(self, party: str) -> Path:
        if party == self.terms.hub.id:
            return self.hub / "release" / f"{party}.release.key"
        return self.folder / party / f"{party}.key"

    def keys(self, party: str) -> PrivateKeys:
        return load_private_keys(self.key(party))

    def run(self, *arguments: object, code: int = 0) -> str:
        result: Result = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
        assert result.exit_code == code, f"{arguments}\n{result.output}"
        return " ".join(result.output.split())

    def refused(self, *arguments: object) -> str:
        return self.run(*arguments, code=1)

    def sign(self, *but: str) -> str:
        said = ""
        for party in self.terms.parties:
            if party.id not in but:
                said = self.run("agreement", "sign", self.file, "--as", party.id, "--key", self.key(party.id))
        return said

    def adopt(self) -> str:
        return self.run("hub", "adopt", self.hub, self.file, "--spec", "person")

    def seal_arguments(self, key: str, out: str, *, file: Path | None = None) -> list[object]:
        provider, dataset = key.split(".")
        given = file or self.folder.parent / "world" / provider / f"{dataset}.csv"
        place = self.folder / provider / out
        return [
            *("seal", given, "--dataset", dataset, "--agreement", self.file),
            *("--key", self.key(provider), "--out", place),
        ]

    def release_arguments(self, output: Output, out: str, **other: str) -> list[object]:
        asked = {"to": output.recipients[0], "purpose": output.purposes[0]} | other
        options = [part for name, value in asked.items() for part in (f"--{name}", value)]
        return ["hub", "release", self.hub, output.id, *options, "--out", self.folder / out]

    def approve(self) -> None:
        """Have every reviewer let every output go, and the hub take their word."""
        for reviewer in self.terms.review.reviewers:
            for output in self.terms.outputs:
                options = ["--as", reviewer, "--key", self.key(reviewer), "--output", output.id]
                self.run("agreement", "declare", "approval", self.file, *options)
        self.adopt()

    def craft(self, key: str, change: pd.DataFrame) -> Path:
        """Seal what the agency's own program would refuse, as other software could."""
        provider, dataset = key.split(".")
        sealed = next((self.hub / "release" / "inbox" / provider / dataset).glob("*.dpkg"))
        senders = {provider: self.keys(provider).public}
        with open_package(sealed, Hub(self.hub).keys("release"), senders, "payload") as package:
            frame = pd.read_parquet(BytesIO(package.member(PAYLOAD_MEMBER)))
        buffer = BytesIO()
        changed = frame.head(5).assign(**{str(name): change[name].iloc[0] for name in change.columns})
        changed.to_parquet(buffer, index=False)
        room = self.terms.hub.public_keys("release")
        heading = Heading(
            kind="payload",
            context=context_of(self.agreement),
            serial=os.urandom(16).hex(),
            created=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds"),
            facts={"dataset": dataset, "records": len(changed), "elements": {}},
        )
        out = self.folder / provider / f"crafted-{os.urandom(4).hex()}.dpkg"
        write_package(out, heading, {PAYLOAD_MEMBER: Member(buffer.getvalue(), room)}, self.keys(provider), [room])
        return out

    @contextmanager
    def aside(self, folder: Path) -> Iterator[Played]:
        """Give a copy to do harm to."""
        copy = folder / "copy"
        shutil.copytree(self.folder, copy, copy_function=_copied)
        (folder / "world").symlink_to(self.folder.parent / "world")
        yield Played(copy, self.template)


def _copied(source: str, target: str) -> str:
    """Copy a file; packages, which are never written over, are linked instead."""
    if source.endswith("pkg"):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


@contextmanager
def on_day(monkeypatch: pytest.MonkeyPatch, days: int) -> Iterator[None]:
    """Turn every command's clock ahead."""
    moment = datetime.now(UTC) + timedelta(days=days)
    with monkeypatch.context() as patched:
        for module in ("hub", "steward"):
            patched.setattr(f"linkage.cli.{module}.now", lambda: moment)
        patched.setattr("linkage.cli.agreement.today", lambda: moment.date())
        yield


def world_in(folder: Path) -> None:
    if not (folder / "world").exists():
        write_world(people(), folder / "world")


def prepared(folder: Path, template: str) -> Played:
    """Make the parties' keys and the agreement, ready to be signed."""
    played = Played(folder, template)
    draft = load_agreement(_template(template)).terms
    public = folder / "public"
    public.mkdir(parents=True)
    for party in draft.parties:
        if party.role != "hub":
            played.run("keys", "new", party.id, "--out", folder / party.id)
    played.run("hub", "new", played.hub, "--name", draft.hub.id)
    for found in (*folder.glob("*/*.pub"), *played.hub.glob("*/*.pub")):
        shutil.copy(found, public)
    options = ["--parties-from", public, "--spec", "person", "--trained-on", TRAINED, "--no-ask"]
    played.run("agreement", "new", played.file, "--template", template, *options)
    return played


def _template(name: str) -> Path:
    return shipped("agreements") / f"{name}.yaml"


def link(played: Played) -> None:
    """Hash every provider's register, seal every dataset, receive, match and resolve."""
    folder, agencies = played.folder, {agency.name: agency for agency in people().agencies}
    secret = folder / "agencies-only.secret"
    played.run("secret", "new", "--out", secret)
    packages: list[Path] = []
    for party in played.terms.parties:
        if party.role != "provider":
            continue
        agency, package = agencies[party.id], folder / party.id / "register.lpkg"
        options: list[object] = ["--secret", secret, "--key", played.key(party.id), "--out", package]
        options += ["--local-id", agency.local_id]
        options += ["--may-have-duplicates"] if agency.duplicates else []
        register = folder.parent / "world" / party.id / agency.register.name
        played.run("hash", register, "--agreement", played.file, "--spec", "person", *options)
        packages.append(package)
    for dataset in played.terms.data:
        arguments = played.seal_arguments(dataset.key, f"{dataset.dataset}.dpkg")
        played.sealed[dataset.key] = played.run(*arguments, "--drop-unlisted")
        packages.append(folder / dataset.provider / f"{dataset.dataset}.dpkg")
    played.run("hub", "receive", played.hub, *packages)
    if not played.terms.outputs:  # a frame for other agreements: nothing is linked for its own sake
        return
    played.run("hub", "match", played.hub)
    played.run("hub", "resolve", played.hub)
