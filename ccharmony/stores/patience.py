"""A request to a store, asked again where that may help, and one clear line where it does not.

Contents: :func:`ask`; :data:`WAITS`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from ccharmony.errors import StoreError
from ccharmony.urls import Url

T = TypeVar("T")

WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the second try and those after it: 15.5 s in all, about as long as a router restarts a connection."""

_HOPELESS = (PermissionError, NotImplementedError, ImportError, ValueError, TypeError)
"""What no second try mends: no permission, no such scheme, no library for it."""

_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
"""Names of botocore's errors, which is not imported here."""

_AGAIN = (408, 425, 429)
"""Answers of HTTP below 500 that ask for another try."""

_OF_THE_EXTRA = ("fsspec", "s3fs", "aiohttp")

_SAID = 2.0
"""Waits from here on are said: one request in a hundred fails once in any network."""

_LONGEST = 200
_logger = logging.getLogger(__name__)


def ask(url: Url, call: Callable[[], T]) -> T:
    """Return what a request returns; where the network or the store fails, try again after growing waits.

    Parameters
    ----------
    url
        What is asked for; every line names it.
    call
        The request.

    Returns
    -------
    T
        The answer.

    Raises
    ------
    FileNotFoundError
        The store says that there is no such object.
    StoreError
        It was refused, or has failed six times in a row.
    """
    for tried, wait in enumerate((*WAITS, None), start=1):
        try:
            return call()
        except Exception as raised:  # every library has its own errors: of sockets, of HTTP, of its own
            error = _unwrap(raised)
        if _is_missing(error):
            raise FileNotFoundError(f"{url}: no such object") from error
        if _is_hopeless(error):
            raise StoreError(f"{url}: {describe(error)}") from error
        if wait is None:
            raise StoreError(f"{url}: {describe(error)}; tried {tried} times in {sum(WAITS):g} s") from error
        if wait >= _SAID:
            _logger.warning("%s: %s; trying again in %g s", url, describe(error), wait)
        time.sleep(wait)
    raise AssertionError


def describe(error: BaseException) -> str:
    """Return what an error says, on one line; its kind where it says nothing."""
    kind, text = type(error).__name__, " ".join(str(error).split())[:_LONGEST]
    if isinstance(error, ImportError):
        ours = any(name in text for name in _OF_THE_EXTRA)
        return f"{text}, wanted pip install 'ccharmony[stores]'" if ours else text
    return f"{text} ({kind})" if text else kind


def _unwrap(error: Exception) -> BaseException:
    """Return the failure of which fsspec's HTTP says only that there is no such file."""
    cause = error.__cause__
    failed = isinstance(cause, OSError) or type(cause).__module__.startswith("aiohttp")
    return cause if cause is not None and failed and isinstance(error, FileNotFoundError) else error


def _is_missing(error: BaseException) -> bool:
    return isinstance(error, FileNotFoundError) or _status(error) in (404, 410)


def _is_hopeless(error: BaseException) -> bool:
    status = _status(error)
    refused = 400 <= status < 500 and status not in _AGAIN
    return refused or isinstance(error, _HOPELESS) or type(error).__name__ in _NO_CREDENTIALS


def _status(error: BaseException) -> int:
    """Return the status of HTTP that an error carries, 0 where it has none."""
    found = getattr(error, "status", None)  # aiohttp
    if found is None:
        found = getattr(getattr(error, "response", None), "status_code", None)  # requests and httpx: hf://
    return found if isinstance(found, int) else 0
