"""The paper's findings, each as contrasts of fMSE between rows, and whether they hold in a study; the paper's numbers.

A finding holds where every contrast that it needs is beyond chance in its direction, does not hold where one is beyond
chance in the other, and is open otherwise. Nothing else decides: the sentences are made from the numbers.

The paper's numbers are copied by hand from Niu et al.: Deep Image Harmonization with Globally Guided Feature
Transformation and Relation Distillation, ICCV 2023. They are of other data: networks of 32 channels, trained at 256x256
on iHarmony4 (65,742 pairs), a single run each; the paper gives no spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.table3.results import Contrast, Result, Weights, contrast, of_published


class Published(NamedTuple):
    """Means over a test set: squared errors in levels squared, PSNR in decibels."""

    mse: float
    fmse: float
    psnr: float
    fssim: float | None = None


IHARMONY4 = {
    1: Published(24.64, 262.67, 37.95),
    2: Published(21.39, 243.23, 38.71),
    3: Published(20.82, 238.89, 38.76),
    4: Published(20.79, 237.06, 38.78),
    5: Published(20.50, 236.22, 38.77),
    6: Published(24.33, 263.22, 38.18),
    7: Published(24.21, 261.15, 38.28),
    8: Published(19.46, 225.30, 38.92),
    9: Published(21.31, 242.58, 38.73),
    10: Published(21.58, 240.18, 38.67),
}
"""Table 3, by row."""

CCHARMONY = {
    1: Published(28.83, 264.84, 36.05, 0.9096),
    8: Published(24.55, 235.20, 37.59, 0.9322),
}
"""Table 2's rows iSSAM and GiftNet, which are rows 1 and 8; pretrained on iHarmony4."""


HOLDS, FAILS, OPEN, WAITING = "holds", "does not hold", "not distinguishable at this budget", "runs are missing"

LITTLE = 0.25
"""What "little" means: at most this share of what the decoder's sites bring."""


@dataclass(frozen=True)
class Part:
    """One contrast of a finding.

    Attributes
    ----------
    says
        What the contrast is, as a phrase that its value ends.
    weights
        Of the rows' fMSE; a gain is positive.
    wanted
        ``+``: the finding needs it positive beyond chance. ``not +``: it needs it not positive beyond chance.
        Empty: it is shown only.
    """

    says: str
    weights: Weights
    wanted: str = "+"


@dataclass(frozen=True)
class Claim:
    """A finding of the paper."""

    title: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows that it needs."""
        return tuple(sorted({row for part in self.parts for row in part.weights}))


CLAIMS = (
    Claim(
        "GIFT and relation distillation together help",
        (Part("row 8 gains over row 1", {1: 1, 8: -1}),),
    ),
    Claim(
        "GIFT helps",
        (Part("row 5 gains over row 1", {1: 1, 5: -1}),),
    ),
    Claim(
        "Relation distillation on the encoder helps",
        (Part("row 8 gains over row 5", {5: 1, 8: -1}),),
    ),
    Claim(
        "D3 brings most",
        (
            Part("D3 alone gains over row 1", {1: 1, 2: -1}),
            Part("D2 and the encoder's sites add", {2: 1, 5: -1}, ""),
            Part("the first exceeds the second by", {1: 1, 2: -2, 5: 1}),
        ),
    ),
    Claim(
        "Encoder sites bring little without distillation",
        (
            Part("D2 and D3 gain over row 1", {1: 1, 3: -1}, ""),
            Part("the encoder's sites add", {3: 1, 5: -1}, ""),
            Part("a quarter of the first exceeds the second by", {1: LITTLE, 3: -1 - LITTLE, 5: 1}),
        ),
    ),
    Claim(
        "Relation distillation beats feature distillation",
        (Part("row 8 gains over row 10", {10: 1, 8: -1}),),
    ),
    Claim(
        "Distilling decoder maps too makes it worse",
        (Part("row 8 gains over row 9", {9: 1, 8: -1}),),
    ),
    Claim(
        "Without guidance D3 is no better than row 1",
        (
            Part("row 6 gains over row 1", {1: 1, 6: -1}, "not +"),
            Part("global guidance gains over none", {6: 1, 2: -1}),
        ),
    ),
    Claim(
        "Guided by its own map D3 is no better than row 1",
        (
            Part("row 7 gains over row 1", {1: 1, 7: -1}, "not +"),
            Part("global guidance gains over the map's own", {7: 1, 2: -1}),
        ),
    ),
)
"""What section 5.3 says of Table 3; "not +" where it says that something does not help."""


@dataclass(frozen=True)
class Finding:
    """A claim, its verdict and the contrasts behind it, in the order of the claim's parts; None where runs lack."""

    claim: Claim
    verdict: str
    contrasts: tuple[Contrast | None, ...]


def judge(claim: Claim, results: Sequence[Result]) -> Finding:
    """Look whether a claim holds among the finished runs."""
    found = tuple(contrast(results, part.weights) for part in claim.parts)
    signs = [
        (part.wanted, None if entry is None else entry.sign) for part, entry in zip(claim.parts, found, strict=True)
    ]
    return Finding(claim, verdict([pair for pair in signs if pair[0]]), found)


def verdict(signs: Sequence[tuple[str, int | None]]) -> str:
    """Decide from what is wanted of each contrast and its sign: 1, -1, 0 within chance, None where runs lack.

    Examples
    --------
    >>> verdict([("+", 1)]), verdict([("+", 0)]), verdict([("+", 1), ("not +", 1)])
    ('holds', 'not distinguishable at this budget', 'does not hold')
    """
    if any((wanted, sign) in (("+", -1), ("not +", 1)) for wanted, sign in signs):
        return FAILS
    if any(sign is None for _, sign in signs):
        return WAITING
    return HOLDS if all(sign == 1 for wanted, sign in signs if wanted == "+") else OPEN


def sentence(finding: Finding) -> str:
    """Say a finding as a line of Markdown: the verdict, each contrast with its interval, and the paper's value."""
    said = []
    for part, entry in zip(finding.claim.parts, finding.contrasts, strict=True):
        paper = of_published(lambda row: IHARMONY4[row].fmse, part.weights)
        ours = "no seed in common yet" if entry is None else f"{entry}{_chance(entry)}"
        said.append(f"{part.says} {ours} (paper {paper:+.1f})")
    return f"- **{finding.claim.title}: {finding.verdict}.** In fMSE, {'; '.join(said)}."


def _chance(entry: Contrast) -> str:
    """Say why a contrast counts for nothing, where it does."""
    if entry.sign:
        return ""
    if entry.low <= 0 <= entry.high:
        return ", within the chance of photos"
    return f", beyond the chance of photos, within that of seeds (±{entry.least:.1f})"
