"""The types of what a command is given: paths, places of data, names, numbers. Wrong ones are wrong usage."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click

from ccharmony.urls import Url, as_place, is_url

force_option = click.option("--force", is_flag=True, help="Overwrite files named here that exist already.")
"""Of every command that writes a file with a name of the user's."""

LARGEST = 2**63 - 1
"""Whole number that a command takes, up or down from 0."""


class LocalPath(click.Path):
    """A path on this machine: the type of nearly every path that a command takes.

    A URL is refused, since `pathlib` would take ``s3://bucket/data`` for a folder named ``s3:``. A folder of that name
    is still reached as ``./s3:/bucket/data``.
    """

    def __init__(self, *, exists: bool = False, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(exists=exists, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; a URL is wrong usage."""
        if is_url(value):
            self.fail(f"{value}: a URL, wanted a path on this machine", param, ctx)
        if not os.fspath(value):  # pathlib would take it for the folder in which the command is called
            self.fail("an empty text, wanted a path", param, ctx)
        return super().convert(value, param, ctx)


class Name(click.ParamType[str]):
    """A text that is not empty: the type of names for which a default stands where none is given."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; an empty one, as of a variable of the shell that is not set, is wrong usage."""
        return value or self.fail("an empty text, wanted a name", param, ctx)


class WholeNumber(click.IntRange):
    """A whole number of 64 bits, in a range or not: the type of all of them, since JSON holds no longer ones."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; one that is too long is wrong usage."""
        number = super().convert(value, param, ctx)
        if abs(number) > LARGEST:
            self.fail(f"a whole number of {len(str(value))} digits, wanted one of 64 bits", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class Number(click.FloatRange):
    """A finite number, in a range or not: the type of all numbers that need not be whole."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; NaN, which click takes for one of any range, and infinity are wrong usage."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number}, wanted a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class PlaceOfData(LocalPath):
    """A path, or the URL of a packed dataset in an object store: the type where such a dataset is read or written."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path or the `Url`; one with a name or a password in it is wrong usage, since URLs are shown."""
        if not is_url(value):
            return value if isinstance(value, Url) else super().convert(value, param, ctx)
        _, _, place, *rest = str(value).split("/")
        if not place and not any(rest):
            self.fail(f"{value}: a URL without a name, wanted that of a folder in a store", param, ctx)
        if "@" in place:
            self.fail("a URL with a name or a password in it, wanted these in the store's own settings", param, ctx)
        return as_place(value)
