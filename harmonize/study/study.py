"""A study on disk: its settings, methods and pictures.

::

    study.json             settings, methods, pictures, which file shows what
    pictures/<token>.webp  one a method and picture; the name does not say which
    outlines/<token>.png   the foreground's outline
    votes.db               the answers, see `harmonize.study.store`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ccharmony import files, strict_json
from ccharmony.errors import SettingsError, StudyError
from ccharmony.names import flaw
from harmonize.settings import Count, Range, Settings, Share
from harmonize.study import questions
from harmonize.study.questions import Question

FILE, PICTURES, OUTLINES, VOTES = "study.json", "pictures", "outlines", "votes.db"
_FORMAT = "harmonize study 1"


@dataclass(frozen=True)
class StudySettings(Settings):
    """What is asked, and how."""

    seed: Annotated[int, Range(0)] = 0
    """Of all random choices."""

    size: Annotated[int, Range(64, 8192)] = 1024
    """Longest side of the pictures, in pixels; smaller ones stay as they are."""

    quality: Annotated[int, Range(1, 100)] = 95
    """Of the pictures as WebP."""

    pairs_per_picture: Count | None = None
    """Pairs of methods asked of each picture; None for all."""

    questions_per_rater: Count | None = None
    """Questions for each rater, catch trials not counted; None for all."""

    catch_share: Share = 0.05
    """Share of the questions that are asked a second time with swapped sides."""

    ties: bool = False
    """Whether "no difference" is an answer."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study that was made.

    Attributes
    ----------
    folder
        Where it lies.
    settings
        What is asked, and how.
    methods, names
        Names of the methods, and of the pictures.
    shown
        File name of each method of each picture, by picture and method.
    outlines
        File name of each picture's outline.
    """

    folder: Path
    settings: StudySettings
    methods: tuple[str, ...]
    names: tuple[str, ...]
    shown: tuple[tuple[str, ...], ...]
    outlines: tuple[str, ...]

    def questions(self) -> list[Question]:
        """Return what the study asks, by picture."""
        return questions.choose_questions(
            len(self.names), len(self.methods), self.settings.pairs_per_picture, self.settings.seed
        )

    def trials(self, rater: int) -> list[Question]:
        """Return what a rater is asked, in that order, catch trials included; raters are numbered from 0."""
        return questions.order_for_rater(
            self.questions(),
            rater,
            each=self.settings.questions_per_rater,
            catch_share=self.settings.catch_share,
            seed=self.settings.seed,
        )


def write_study(study: Study) -> None:
    """Write study.json; raises OutputError."""
    content = {
        "format": _FORMAT,
        "settings": study.settings.to_dict(),
        "methods": study.methods,
        "pictures": [
            {"name": name, "shown": shown, "outline": outline}
            for name, shown, outline in zip(study.names, study.shown, study.outlines, strict=True)
        ],
    }
    files.write_bytes(study.folder / FILE, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def read_study(folder: Path) -> Study:
    """Read study.json.

    Parameters
    ----------
    folder
        The study.

    Returns
    -------
    Study
        Its files are not looked at.

    Raises
    ------
    StudyError
        There is none, or it is damaged.
    """
    path = folder / FILE
    try:
        return _parse(folder, strict_json.read(path))
    except OSError as error:
        raise StudyError(f"{folder}: no {FILE} in it ({error.strerror}), wanted a folder of `study make`") from error
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise StudyError(f"{path}: damaged ({error}), wanted what `study make` wrote") from error


def _parse(folder: Path, content: Mapping[str, Any]) -> Study:
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']!r}, wanted {_FORMAT!r}")
    pictures = content["pictures"]
    study = Study(
        folder,
        StudySettings.from_dict(content["settings"]),
        methods=tuple(map(str, content["methods"])),
        names=tuple(str(picture["name"]) for picture in pictures),
        shown=tuple(tuple(map(str, picture["shown"])) for picture in pictures),
        outlines=tuple(str(picture["outline"]) for picture in pictures),
    )
    for names in (*study.shown, study.outlines):
        if any(flaw(name) for name in names):
            raise ValueError("a file name that leads elsewhere")
    if any(len(shown) != len(study.methods) for shown in study.shown):
        raise ValueError("a picture without one file a method")
    study.questions()  # the numbers make a study
    return study
