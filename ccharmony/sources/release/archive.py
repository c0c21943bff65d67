"""The files of a folder and of the ZIP archives in it, side by side; nothing is ever unpacked to the disk.

Archives come from strangers. Entries whose names lead out of the archive, links, and entries that say of themselves
that they are far larger than any file of the release are refused from the directory; if an entry is larger than it
says, only the size that it says is unpacked.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccharmony import inputs
from ccharmony.errors import SourceError
from ccharmony.images.readable import Readable
from ccharmony.listing import is_litter
from ccharmony.sources.files import files_below

MAX_BYTES = 64 * 2**20
"""Bytes that an entry may have when unpacked, and that the tables of one archive may have in all; the release's largest
mask has 0.1 million."""

TABLE_BYTES = 2**20
"""Of a table, a list or a matrix; as numbers in Python it takes some sixty times that."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others (bzip2, LZMA) cannot be unpacked a limited number of bytes at a time by Python's zipfile."""

_DAMAGED = (
    *(OSError, EOFError, LookupError, ValueError, OverflowError, struct.error, zlib.error, zipfile.BadZipFile),
    *(RuntimeError, NotImplementedError),  # an encrypted entry, a version that Python lacks
)


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
        """Return the content.

        Raises
        ------
        SourceError
            The archive is damaged, lacks the file, or holds a larger one than `MAX_BYTES`.
        """
        try:
            inputs.check(self.archive)
            with zipfile.ZipFile(self.archive) as archive:
                info = archive.getinfo(self.entry)
                if reason := _refusal(info):
                    raise SourceError(f"{self}: {reason}")
                return _unpack(archive, info)
        except _DAMAGED as error:
            raise SourceError(f"{self}: cannot be read ({error})") from error


@dataclass(frozen=True)
class Loaded:
    """One small file inside an archive, read along with the others: opening an archive a thousand times takes seconds.

    Attributes
    ----------
    member
        Its archive and its name there.
    content
        Its content.
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
        """Return the content."""
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
        A line is added for each archive that is damaged, and for each entry that is refused.

    Yields
    ------
    Readable
        A file, or a member of an archive.
    """
    files = files_below(root)
    yield from (path for path in files if path.suffix.lower() != ".zip")
    for path in files:
        if path.suffix.lower() == ".zip":
            try:
                yield from _members(path, load, problems)
            except _DAMAGED as error:
                problems.append(f"{path}: damaged, or not a ZIP archive ({error})")


def _members(path: Path, load: Collection[str], problems: list[str]) -> list[Readable]:
    members: list[Readable] = []
    left = MAX_BYTES
    inputs.check(path)
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        for name, info in sorted(infos.items()):
            entry_path = PurePosixPath(name)
            if reason := _refusal(info):
                problems.append(f"{path}: entry {name!r} {reason}")
                continue
            if any(is_litter(part) for part in entry_path.parts):
                continue
            member = Member(path, name)
            if entry_path.suffix.lower() not in load:
                members.append(member)
            elif info.file_size > TABLE_BYTES:
                problems.append(f"{path}: entry {name!r} has {info.file_size} bytes, the limit is {TABLE_BYTES}")
            elif (left := left - info.file_size) < 0:
                raise ValueError(f"more than {MAX_BYTES} bytes of {' '.join(load)}")
            else:
                members.append(Loaded(member, _unpack(archive, info)))
    return members


def _refusal(info: zipfile.ZipInfo) -> str:
    """Return why an entry is not used; empty if it is used."""
    entry_path = PurePosixPath(info.filename)
    if entry_path.is_absolute() or ".." in entry_path.parts or any(sign in info.orig_filename for sign in "\\:\0"):
        return "leads out of the archive and is refused"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link and is refused"
    if info.file_size > MAX_BYTES:
        return f"has {info.file_size} bytes when unpacked, the limit is {MAX_BYTES}"
    if info.compress_type not in _METHODS:
        return f"is compressed by method {info.compress_type}, wanted stored or deflated"
    return ""


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return an entry's content, unpacking no more than the size that the directory gives."""
    with archive.open(info) as file:
        return file.read(info.file_size)
