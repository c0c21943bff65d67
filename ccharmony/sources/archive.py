"""The files of a folder and of the ZIP archives in it, side by side; nothing is ever unpacked to the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccharmony.errors import SourceError
from ccharmony.pixels import Readable
from ccharmony.sources import tree

_DAMAGED = (OSError, KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError)
# RuntimeError is an encrypted entry, NotImplementedError a compression that Python lacks.


@dataclass(frozen=True)
class Member:
    """One file inside an archive, read when it is needed.

    Attributes
    ----------
    archive
        The ZIP file.
    entry
        Name of the file inside it.
    """

    archive: Path
    entry: str

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        return PurePosixPath(self.entry).name

    def __str__(self) -> str:
        return f"{self.archive}:{self.entry}"

    def read_bytes(self) -> bytes:
        """Return the whole content.

        Raises
        ------
        SourceError
            The archive is damaged or lacks the file.
        """
        try:
            with zipfile.ZipFile(self.archive) as archive:
                return archive.read(self.entry)
        except _DAMAGED as error:
            raise SourceError(f"{self}: cannot be read ({error})") from error


@dataclass(frozen=True)
class Loaded:
    """One small file inside an archive, read along with the others: opening an archive a thousand times takes seconds.

    Attributes
    ----------
    member
        Where it is.
    content
        What it holds.
    """

    member: Member
    content: bytes

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        return self.member.name

    def __str__(self) -> str:
        return str(self.member)

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        return self.content


def files_and_members(root: Path, load: Collection[str], problems: list[str]) -> Iterator[Readable]:
    """Yield the files below a folder, then those inside its archives.

    Parameters
    ----------
    root
        The folder.
    load
        Suffixes, such as ``.csv``, of the members that are read at once.
    problems
        A line is added for each archive that is damaged, and for each entry whose name leads out of its archive.
    """
    files = tree.files_below(root)
    yield from (path for path in files if path.suffix.lower() != ".zip")
    for path in files:
        if path.suffix.lower() == ".zip":
            try:
                yield from _members(path, load, problems)
            except _DAMAGED as error:
                problems.append(f"{path}: damaged, or not a ZIP archive ({error})")


def _members(path: Path, load: Collection[str], problems: list[str]) -> list[Readable]:
    members: list[Readable] = []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(info.filename for info in archive.infolist() if not info.is_dir()):
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts or "\\" in name or ":" in name:
                problems.append(f"{path}: entry {name!r} leads out of the archive and is refused")
            elif not any(tree.is_litter(part) for part in place.parts):
                member = Member(path, name)
                members.append(Loaded(member, archive.read(name)) if place.suffix.lower() in load else member)
    return members
