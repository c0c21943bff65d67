"""What is asked of a store, through fsspec: the one module that imports it.

Contents: :class:`Status`, :func:`look_up`, :func:`fetch`, :func:`list_sizes`, :func:`is_web`,
:func:`upload`, :func:`remove`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ccharmony.errors import StoreError
from ccharmony.stores.patience import ask
from ccharmony.urls import Url

_STAMPS = ("ETag", "etag", "VersionId", "blob_id", "oid", "md5Hash", "Content-MD5", "LastModified", "created", "mtime")
"""What stores say of an object that changes with its content."""

_WITH_FOLDERS = ("file", "local", "sftp", "ssh", "smb")
"""Schemes where a folder is made before a file; s3fs would make a bucket."""

_TIMES = ("LastModified", "last_modified", "created")

_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": {"retries": {"total_max_attempts": 1}}}}
"""`patience` alone decides how often: botocore would try 5 times, s3fs that 5 times, in each of our tries."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a store says of an object.

    Attributes
    ----------
    size
        Its bytes.
    stamp
        A text that is another one when its content is.
    time
        When it was written, in nanoseconds; None where the store does not say.
    """

    size: int
    stamp: str
    time: int | None = None


def look_up(url: Url) -> Status:
    """Return what a store says of an object.

    Raises
    ------
    FileNotFoundError
        There is none.
    StoreError
        The store cannot be asked, or does not say how large the object is.
    """

    def call() -> dict[str, Any]:
        system, path = _open(url)
        found = dict(system.info(path))
        if found.get("type") == "directory":
            raise FileNotFoundError(path)
        return found

    found = ask(url, call)
    size = found.get("size")
    if not isinstance(size, int):
        raise StoreError(f"{url}: the server does not say how many bytes it has, wanted one that reads by ranges")
    times = (found[name] for name in _TIMES if isinstance(found.get(name), datetime))
    time = next((int(1e9 * moment.timestamp()) for moment in times), None)
    return Status(size, " ".join(f"{name}={found[name]}" for name in _STAMPS if name in found), time)


def fetch(url: Url, start: int, end: int) -> bytes:
    """Return the bytes of an object from `start` up to `end`; raises FileNotFoundError or StoreError."""

    def call() -> bytes:
        system, path = _open(url)
        data = bytes(system.cat_file(path, start=start, end=end)) if end > start else b""
        if len(data) > end - start:
            raise ValueError(f"{len(data)} bytes came, wanted {end - start}: the server does not read by ranges")
        if len(data) != end - start:  # a connection that ended early, which not every library notices
            raise ConnectionError(f"{len(data)} bytes came, wanted {end - start}")
        return data

    return ask(url, call)


def list_sizes(url: Url) -> dict[str, int]:
    """Return the objects below a URL: their names from there on, with their bytes; raises StoreError.

    A web server has no list that every one writes alike: of ``https://`` none are returned.
    """
    if is_web(url):
        return {}

    def call() -> dict[str, Any]:
        system, path = _open(url)
        system.invalidate_cache()
        return {name.removeprefix(path).lstrip("/"): entry for name, entry in system.find(path, detail=True).items()}

    try:
        found = ask(url, call)
    except FileNotFoundError:
        return {}
    return {name: int(entry.get("size") or 0) for name, entry in found.items() if entry.get("type") != "directory"}


def is_web(url: Url) -> bool:
    """Return whether a URL is one of a web server, which is only read."""
    return _scheme(url) in ("http", "https")


def upload(path: Path, url: Url) -> None:
    """Write an object from a file; a store shows it when all of it is there. Raises StoreError."""

    def call() -> None:
        system, place = _open(url)
        if _scheme(url) in _WITH_FOLDERS:
            system.makedirs(system._parent(place), exist_ok=True)
        system.put_file(str(path), place)

    _write(url, call)


def remove(url: Url) -> None:
    """Remove an object; one that is gone already is no error. Raises StoreError."""

    def call() -> None:
        system, place = _open(url)
        if system.exists(place):
            system.rm_file(place)

    _write(url, call)


def _write(url: Url, call: Any) -> None:
    try:
        ask(url, call)
    except FileNotFoundError as error:
        raise StoreError(f"{url}: no such bucket or folder to write into") from error


def _open(url: Url) -> tuple[Any, str]:
    """Return the store of a URL, and its name there; fsspec keeps one connection a process and store."""
    import fsspec.core  # when a URL is used: 0.1 s, and only the extra `stores` promises it

    options = _OPTIONS.get(_scheme(url), {})
    system, path = fsspec.core.url_to_fs(url.text, use_listings_cache=False, **options)
    if _scheme(url) == "s3":
        system.retries = 1
    return system, str(path)


def _scheme(url: Url) -> str:
    return url.text.partition("://")[0].lower()
