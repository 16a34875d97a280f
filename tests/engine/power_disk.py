"""A disk that forgets, when power is lost, whatever it was not told to keep.

The rules are those of POSIX and no more (Pillai et al., OSDI 2014), so that nothing rests on what one file system does
by itself: a file's content is kept once the file is flushed, a name once its folder is flushed. Until then each name
that appeared, changed or went may be kept or not whatever became of others, and content may be old, new, new with half
of the last write, or old with the last write alone. A rename is one change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(eq=False)
class Content:
    """What a file holds at one time."""

    data: bytes = b""

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.data).digest()


@dataclass(eq=False)
class File:
    """A file: its content as processes see it, as the disk keeps it, and what it may hold where the last write tore."""

    now: Content = field(default_factory=Content)
    kept: Content = field(default_factory=Content)
    torn: tuple[Content, ...] = ()

    @property
    def flushed(self) -> bool:
        return self.now is self.kept

    def write(self, offset: int, data: bytes) -> None:
        half = _patched(self.now.data, offset, data[: len(data) // 2])
        alone = _patched(self.kept.data, offset, data)
        self.now = Content(_patched(self.now.data, offset, data))
        self.torn = Content(half), Content(alone)

    def resize(self, size: int) -> None:
        if size != len(self.now.data):
            self.torn = (self.now,)
            self.now = Content(self.now.data[:size].ljust(size, b"\0"))

    def flush(self) -> None:
        self.kept = self.now


def _patched(old: bytes, offset: int, data: bytes) -> bytes:
    return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]


@dataclass(eq=False)
class Folder:
    """A folder: its names as processes see them, and as the disk keeps them."""

    now: dict[str, File | Folder] = field(default_factory=dict)
    kept: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Change:
    """What names stand for from now on (None: nothing), all at once. ``path`` is the one to speak of."""

    names: tuple[tuple[Folder, str, File | Folder | None], ...]
    path: str
    gone: bool


@dataclass(frozen=True)
class Survivor:
    """What a loss of power leaves: the content of each file; a folder's is None."""

    content: Mapping[str, Content | None]

    @property
    def name(self) -> bytes:
        """Return what two survivors share that differ in nothing but half-written files, which are swept."""
        told = hashlib.sha256()
        for path, content in sorted(self.content.items()):
            if matters(path):
                told.update(path.encode() + b"\0" + (b"folder" if content is None else content.digest))
        return told.digest()

    @property
    def digests(self) -> dict[str, bytes]:
        """Return what stands for the content of each file."""
        return {path: content.digest for path, content in self.content.items() if content is not None}

    def write(self, folder: Path) -> None:
        """Make these files below ``folder``, which must not exist; none for anybody but their owner."""
        folder.mkdir(mode=0o700)
        for path, content in sorted(self.content.items()):
            if content is None:
                (folder / path).mkdir(mode=0o700)
            else:
                (folder / path).write_bytes(content.data)
                (folder / path).chmod(0o600)


def matters(path: str) -> bool:
    """Tell whether a name is one that others look for: not one for a file in the making, nor for a lock or scratch."""
    parts = path.split("/")
    return not any(part.startswith(".") for part in parts) and "scratch" not in parts


def looked_for(path: str) -> bool:
    """Tell whether a name is one that a later step relies on; SQLite sees to its journal."""
    return matters(path) and not path.endswith("-journal")


class Disk:
    """Files below one folder, and the changes to names that are not kept yet, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.root = Folder()
        self.waiting: list[Change] = []
        self.written: File | None = None
        for path in sorted(folder.rglob("*")):
            place, name = self.place(str(path.relative_to(folder)))
            place.now[name] = File(Content(path.read_bytes())) if path.is_file() else Folder()
        self.settle()

    def settle(self) -> None:
        """Keep everything, as time would."""
        self.waiting.clear()
        for _, node in self._walk("", self.root):
            if isinstance(node, File):
                node.flush()
            else:
                node.kept = dict(node.now)
        self.root.kept = dict(self.root.now)

    def place(self, path: str) -> tuple[Folder, str]:
        """Return the folder of a path, and its name in it."""
        *above, name = path.split("/")
        folder = self.root
        for part in above:
            inner = folder.now[part]
            assert isinstance(inner, Folder), path
            folder = inner
        return folder, name

    def find(self, path: str) -> File | Folder | None:
        """Return what stands at a path."""
        if not path:
            return self.root
        folder, name = self.place(path)
        return folder.now.get(name)

    def change(self, path: str, *names: tuple[Folder, str, File | Folder | None]) -> None:
        """Let names stand for something else."""
        for folder, name, node in names:
            _set(folder.now, name, node)
        self.waiting.append(Change(names, path, all(node is None for *_, node in names)))

    def flush_folder(self, folder: Folder) -> None:
        """Keep the names in a folder."""
        for change in [each for each in self.waiting if any(place is folder for place, *_ in each.names)]:
            self.waiting.remove(change)
            for place, name, node in change.names:
                _set(place.kept, name, node)

    def unflushed(self) -> Iterator[tuple[str, File]]:
        """Yield the files whose content is not kept, by path."""
        for path, node in self._walk("", self.root):
            if isinstance(node, File) and not node.flushed:
                yield path, node

    def below(self, node: File | Folder) -> Iterator[File | Folder]:
        """Yield a folder and all in it, or a file."""
        yield node
        if isinstance(node, Folder):
            yield from (inner for _, inner in self._walk("", node))

    def survivors(self) -> Iterator[Survivor]:
        """Yield what a loss of power may leave at this moment."""
        every = frozenset(self.waiting)
        chosen = [every, frozenset()]
        if len(every) > 1:
            chosen += [every - {change} for change in self.waiting]
            chosen += [frozenset({change}) for change in self.waiting]
        views: list[Callable[[File], Content]] = [lambda file: file.now]
        if any(True for _ in self.unflushed()):
            views.append(lambda file: file.kept)
        for changes in chosen:
            for view in views:
                yield self.survivor(changes, view)
        if self.written is not None and not self.written.flushed:
            for torn in self.written.torn:
                yield self.survivor(every, lambda file, torn=torn: torn if file is self.written else file.now)

    def whole(self) -> Survivor:
        """Return what processes see."""
        return self.survivor(self.waiting, lambda file: file.now)

    def survivor(self, changes: Collection[Change], view: Callable[[File], Content]) -> Survivor:
        """Return what is left if of the changes that wait these are kept, and of each file what ``view`` says."""
        names: dict[int, dict[str, File | Folder]] = {}
        for change in self.waiting:
            if change in changes:
                for folder, name, node in change.names:
                    _set(names.setdefault(id(folder), dict(folder.kept)), name, node)
        found: dict[str, Content | None] = {}

        def take(path: str, folder: Folder) -> None:
            for name, node in names.get(id(folder), folder.kept).items():
                inner = f"{path}{name}"
                if isinstance(node, Folder):
                    found[inner] = None
                    take(f"{inner}/", node)
                else:
                    found[inner] = view(node)

        take("", self.root)
        return Survivor(found)

    def _walk(self, path: str, folder: Folder) -> Iterator[tuple[str, File | Folder]]:
        for name, node in folder.now.items():
            yield f"{path}{name}", node
            if isinstance(node, Folder):
                yield from self._walk(f"{path}{name}/", node)


def _set(names: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node
