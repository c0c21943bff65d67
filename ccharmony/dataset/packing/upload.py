"""Shards brought to an object store: written on this machine first, then uploaded whole, the index last.

Until the index is there, nobody takes what is there for a dataset, and ``plan.txt`` says what is being uploaded: the
same command goes on with it after an interruption, another one is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ccharmony.dataset.formats import shards
from ccharmony.errors import OutputError
from ccharmony.files import locked, write_bytes
from ccharmony.progress import Progress
from ccharmony.stores import client
from ccharmony.stores.cache import find_folder
from ccharmony.urls import Url

PLAN = "plan.txt"
_PLAN_BYTES = 4096


def folder_of(url: Url) -> Path:
    """Return the folder of this machine that shards for a URL are written into before they are uploaded."""
    return find_folder() / "packing" / hashlib.sha256(url.text.encode()).hexdigest()[:16] / url.name


def is_finished(url: Url, digest: str, newest: int) -> bool:
    """Return whether these contents are there completely, and refuse a place that holds anything else.

    Parameters
    ----------
    url
        Where the shards go.
    digest
        Of what is to be packed.
    newest
        When the last of its files was changed, in nanoseconds.

    Returns
    -------
    bool
        False where there is nothing, or a part of them that is still being uploaded.

    Raises
    ------
    OutputError
        The place holds something else, or is a web server.
    StoreError
        The store cannot be asked.
    """
    if client.is_web(url):
        raise OutputError(f"{url}: a web server, wanted an object store")
    held = [name for name in sorted(client.list_sizes(url)) if not name.rpartition("/")[2].startswith(".")]
    if shards.INDEX in held:
        written = client.look_up(url / shards.INDEX).time
        if shards.read_contents_digest(url) == digest and (written is None or written >= newest):
            return bool(shards.read_index(url))
    if held and (shards.INDEX in held or _read_plan(url) != _plan(digest, newest)):
        raise OutputError(f"{url}: holds {held[0]!r}, wanted an empty place")
    return False


def upload_shards(folder: Path, url: Url, digest: str, newest: int, *, jobs: int, progress: Progress) -> None:
    """Upload what is not there yet, then the index, and remove the folder.

    Parameters
    ----------
    folder
        The finished shards.
    url, digest, newest
        As in `is_finished`, which has looked at the place.
    jobs
        Files uploaded at a time.
    progress
        Called with "upload", the files done and their number.

    Raises
    ------
    StoreError
        A file cannot be uploaded; the same call goes on with it.
    OutputError
        Another process of this machine is uploading to the same place.
    """
    plan = folder.parent / PLAN
    with locked(folder.parent / "lock", f"{url}: is being uploaded by another process"):
        write_bytes(plan, _plan(digest, newest).encode())
        client.upload(plan, url / PLAN)
        _upload_missing(folder, url, jobs, progress)
        client.upload(folder / shards.INDEX, url / shards.INDEX)
        client.remove(url / PLAN)
        with contextlib.suppress(OSError):  # what is left is found and used by the next packing for this URL
            shutil.rmtree(folder.parent)


def _upload_missing(folder: Path, url: Url, jobs: int, progress: Progress) -> None:
    """Upload the shards and tables that are not there: objects are whole, and equal plans have equal bytes."""
    names = [name for shard in shards.read_index(folder) for name in (shard.file, shards.table_of(shard.file))]
    held = client.list_sizes(url)
    missing = [name for name in names if held.get(name) != (folder / name).stat().st_size]
    described = list(shards.card_of(shards.read_content(folder)))  # not part of the plan, so that it may have changed
    names, missing = names + described, missing + described
    done = len(names) - len(missing)
    with ThreadPoolExecutor(jobs, thread_name_prefix="upload") as pool:
        waiting = [pool.submit(client.upload, folder / name, url / name) for name in missing]
        try:
            for future in as_completed(waiting):
                future.result()
                done += 1
                progress("upload", done, len(names))
        finally:
            pool.shutdown(cancel_futures=True)


def _plan(digest: str, newest: int) -> str:
    return f"{digest} {newest}"


def _read_plan(url: Url) -> str:
    """Return what is being uploaded there; empty where nothing is."""
    try:
        size = min(client.look_up(url / PLAN).size, _PLAN_BYTES)
        return client.fetch(url / PLAN, 0, size).decode(errors="replace")
    except FileNotFoundError:
        return ""
