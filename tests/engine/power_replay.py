"""Calls of processes played again on a disk that forgets, and the order in which they have to come.

What is looked for, at each call that others can see the effect of:

- a name appears (a rename, a link) before the content under it is flushed;
- a next step is made lasting (another name, a file flushed in place) while an earlier name or content is not;
- a name goes while something new is not flushed;
- a command ends while a name or a content is not flushed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from power_disk import Change, Disk, File, Folder, looked_for, matters
from power_trace import Call

_CREATES, _TRUNCATES, _APPENDS = re.compile(r"\bO_CREAT\b"), re.compile(r"\bO_TRUNC\b"), re.compile(r"\bO_APPEND\b")


@dataclass
class _Open:
    """An open file or folder: what it is, its path when it was opened, and where the next write goes."""

    node: File | Folder
    path: str
    offset: int = 0
    appends: bool = False


class Replay:
    """Calls played on a disk that holds one folder; ``findings`` says which come too early."""

    def __init__(self, begun: Path, folder: Path) -> None:
        """Begin with the files of ``begun``; the calls speak of ``folder``, in which the commands ran."""
        self.disk = Disk(begun)
        self.findings: list[str] = []
        self._folder = str(folder)
        self._open: dict[int, _Open] = {}
        self._plays: dict[str, Callable[[Call], bool]] = {
            "read": self._read, "readv": self._read, "lseek": self._seek,
            "write": self._write, "writev": self._write, "pwrite64": self._write, "pwritev": self._write,
            "pwritev2": self._write, "sendfile": self._refuse, "copy_file_range": self._refuse,
            "ftruncate": self._resize, "truncate": self._refuse, "fallocate": self._resize,
            "fsync": self._flush, "fdatasync": self._flush,
            "dup": self._duplicate, "dup2": self._duplicate, "dup3": self._duplicate,
            "open": lambda call: self._opened(call, call.path(0), call.arguments[1]),
            "creat": lambda call: self._opened(call, call.path(0), "O_CREAT|O_TRUNC"),
            "openat": lambda call: self._opened(call, call.path_at(0), call.arguments[2]),
            "rename": lambda call: self._rename(call.path(0), call.path(1)),
            "renameat": lambda call: self._rename(call.path_at(0), call.path_at(2)),
            "renameat2": lambda call: self._rename(call.path_at(0), call.path_at(2)),
            "link": lambda call: self._link(call.path(0), call.path(1)),
            "linkat": lambda call: self._link(call.path_at(0), call.path_at(2)),
            "unlink": lambda call: self._remove(call.path(0)),
            "unlinkat": lambda call: self._remove(call.path_at(0)),
            "rmdir": lambda call: self._remove(call.path(0)),
            "mkdir": lambda call: self._make_folder(call.path(0)),
            "mkdirat": lambda call: self._make_folder(call.path_at(0)),
        }  # fmt: skip

    def begin(self) -> None:
        """Begin a command: what others did before it has reached the disk."""
        self.disk.settle()
        self._open.clear()
        self.findings.clear()

    def play(self, call: Call) -> bool:
        """Play a call; tells whether it changed something here, or made it lasting."""
        return call.name in self._plays and self._plays[call.name](call)

    def end(self) -> None:
        """End a command: all that it did must have reached the disk, and that a journal of SQLite's is gone."""
        self._expect_nothing_waits("the command ends", relied_on=matters)

    def _inside(self, path: str) -> str | None:
        """Return a path relative to the folder, None for one elsewhere; commands run in the folder."""
        whole = os.path.normpath(path if path.startswith("/") else f"{self._folder}/{path}")
        if whole == self._folder:
            return ""
        return whole[len(self._folder) + 1 :] if whole.startswith(f"{self._folder}/") else None

    def _opened(self, call: Call, path: str, flags: str) -> bool:
        self._open.pop(call.result, None)
        inside = self._inside(path)
        if inside is None or "O_TMPFILE" in flags:
            return False
        node, changed = self.disk.find(inside), False
        if node is None:
            assert _CREATES.search(flags), f"{inside} was opened and is not known"
            node, changed = File(), True
            self.disk.change(inside, (*self.disk.place(inside), node))
        elif isinstance(node, File) and _TRUNCATES.search(flags) and node.now.data:
            node.resize(0)
            changed = True
        self._open[call.result] = _Open(node, inside, appends=bool(_APPENDS.search(flags)))
        return changed

    def _at(self, call: Call, place: int = 0) -> _Open | None:
        """Return the open file of a call; a number that was closed and given to a pipe stands for none."""
        return self._open.get(call.fd(place)) if self._inside(call.fd_path(place)) is not None else None

    def _duplicate(self, call: Call) -> bool:
        opened = self._at(call)
        if opened is not None:
            self._open[call.result] = opened
        return False

    def _read(self, call: Call) -> bool:
        opened = self._open.get(call.fd())  # printed raw, without a path
        if opened is not None:
            opened.offset += call.result
        return False

    def _seek(self, call: Call) -> bool:
        opened = self._at(call)
        if opened is not None:
            opened.offset = call.result
        return False

    def _write(self, call: Call) -> bool:
        opened = self._at(call)
        if opened is None or not isinstance(opened.node, File):
            return False
        data = (call.gathered() if "v" in call.name else call.data(1))[: call.result]
        if call.name.startswith("pwrite"):
            opened.node.write(int(call.arguments[3], 0), data)
        else:
            offset = len(opened.node.now.data) if opened.appends else opened.offset
            opened.node.write(offset, data)
            opened.offset = offset + call.result
        self.disk.written = opened.node
        return True

    def _resize(self, call: Call) -> bool:
        opened = self._at(call)
        if opened is None or not isinstance(opened.node, File):
            return False
        if call.name == "ftruncate":
            opened.node.resize(int(call.arguments[1], 0))
        else:
            assert call.arguments[1] == "0", "fallocate: only room at the end is understood"
            grown = int(call.arguments[2], 0) + int(call.arguments[3], 0)
            opened.node.resize(max(grown, len(opened.node.now.data)))
        self.disk.written = opened.node
        return True

    def _refuse(self, call: Call) -> bool:
        """Refuse calls that nobody makes here and whose effect is not in their arguments."""
        place = 2 if call.name == "copy_file_range" else 0
        target = call.path(0) if call.name == "truncate" else call.fd_path(place)
        assert self._inside(target) is None, f"{call.name} is not understood"
        return False

    def _flush(self, call: Call) -> bool:
        opened = self._at(call)
        if opened is None:
            return False
        if isinstance(opened.node, Folder):
            self.disk.flush_folder(opened.node)
        else:
            if not opened.node.flushed and looked_for(opened.path) and self.disk.find(opened.path) is opened.node:
                self._expect_nothing_waits(f"{opened.path} is flushed", but=opened.node)
            opened.node.flush()
        return True

    def _rename(self, old: str, new: str) -> bool:
        source, target = self._inside(old), self._inside(new)
        if source is None or target is None:
            assert source is target, f"{old} is renamed to {new}: one of them is elsewhere"
            return False
        node = self.disk.find(source)
        assert node is not None, source
        self._appears(target, node)
        self.disk.change(target, (*self.disk.place(source), None), (*self.disk.place(target), node))
        return True

    def _link(self, old: str, new: str) -> bool:
        source, target = self._inside(old), self._inside(new)
        if target is None:
            return False
        node = self.disk.find(source) if source is not None else None
        assert node is not None, f"{old} is linked and is not known"
        self._appears(target, node)
        self.disk.change(target, (*self.disk.place(target), node))
        return True

    def _remove(self, path: str) -> bool:
        inside = self._inside(path)
        if inside is None:
            return False
        if looked_for(inside):
            self._expect_nothing_waits(f"{inside} is removed", gone_too=False)
        self.disk.change(inside, (*self.disk.place(inside), None))
        return True

    def _make_folder(self, path: str) -> bool:
        inside = self._inside(path)
        if inside is None:
            return False
        self.disk.change(inside, (*self.disk.place(inside), Folder()))
        return True

    def _appears(self, path: str, node: File | Folder) -> None:
        if not looked_for(path):
            return
        below = list(self.disk.below(node))
        waiting = {folder for change in self.disk.waiting for folder, *_ in change.names}
        if any(not each.flushed if isinstance(each, File) else each in waiting for each in below):
            self.findings.append(f"{path} appears before its content is flushed")
        self._expect_nothing_waits(f"{path} appears", but=node)

    def _expect_nothing_waits(
        self,
        event: str,
        but: File | Folder | None = None,
        gone_too: bool = True,
        relied_on: Callable[[str], bool] = looked_for,
    ) -> None:
        """Note every name and content that is relied on and that is not kept when something follows on it."""
        for change in self.disk.waiting:
            if relied_on(change.path) and (gone_too or not change.gone) and not _speaks_of(change, but):
                what = "is gone" if change.gone else "has its name"
                self.findings.append(f"{event} before it is kept that {change.path} {what}")
        for path, file in self.disk.unflushed():
            if relied_on(path) and file is not but:
                self.findings.append(f"{event} before the content of {path} is flushed")


def _speaks_of(change: Change, node: File | Folder | None) -> bool:
    return node is not None and any(each is node for *_, each in change.names)
