"""Light, reflectance and camera of the demo: how a material looks to a camera under a light.

All spectra come with colour-science, none is stored here:

- lights: the CIE illuminants (A, the D and FL series, the LEDs of CIE 015:2018);
- materials: the 99 test colors of CIE 224:2017 (flowers, skin, cloth, paint, print), under names of their looks;
- the chart: the mean of thirty ColorCheckers that BabelColor measured;
- cameras: the sensitivities of a Nikon D5100 (Bayer) and a Sigma SD1 Merrill (layered), measured at NPL.

The chart's spectra color nothing but the chart: what a fit makes of the objects is not what it was fitted to.

Contents: :data:`MATERIALS`, :data:`CAMERAS`; :func:`counts`, :func:`rendering`.

References
----------
- CIE 224:2017, *Colour Fidelity Index for accurate scientific use*.
- CIE 015:2018, *Colorimetry*, illuminants.
- D. Pascale, *The ColorChecker, page 3*, BabelColor, 2012.
"""

from __future__ import annotations

import functools
from collections.abc import Container
from typing import Any

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.errors import SettingsError
from ccharmony.images.camera import Matrix, Rendering
from ccharmony.sources.demo.textures import GLOSS, PATCHES

WAVELENGTHS = np.arange(380.0, 781.0, 5.0)
"""Nanometers; the CIE lists line spectra of lamps at this step."""

CAMERAS = {"Nikon": "Nikon 5100 (NPL)", "Sigma": "Sigma SDMerill (NPL)"}
"""Camera of the demo -> its name in ``colour.MSDS_CAMERA_SENSITIVITIES``."""

MATERIALS = {
    "rose": 0, "pink": 1, "plum": 2, "salmon": 3, "raspberry": 4, "mauve": 5, "cherry": 6, "oxblood": 7, "soot": 8,
    "coral": 9, "brick": 10, "terracotta": 11, "chestnut": 12, "putty": 13, "clay": 14, "saddle": 15, "teak": 16,
    "walnut": 17, "oak": 18, "orange": 19, "apricot": 20, "tangerine": 21, "cream": 22, "vanilla": 23, "mustard": 24,
    "honey": 25, "hay": 26, "moss": 27, "lemon": 28, "straw": 29, "butter": 30, "brass": 31, "ivory": 32, "olive": 33,
    "bark": 34, "plaster": 35, "fern": 36, "celery": 37, "slate": 38, "sage": 39, "linen": 40, "lime": 41, "apple": 42,
    "coal": 43, "grass": 44, "leaf": 45, "thyme": 46, "mint": 47, "pine": 48, "jade": 49, "reed": 50, "fir": 51,
    "emerald": 52, "foam": 53, "aqua": 54, "turquoise": 55, "teal": 56, "lagoon": 57, "ice": 58, "porcelain": 59,
    "mist": 60, "pewter": 61, "iron": 62, "cyan": 63, "petrol": 64, "ocean": 65, "peacock": 66, "denim": 67,
    "steel": 68, "sky": 69, "navy": 70, "cloud": 71, "azure": 72, "ink": 73, "indigo": 74, "royal": 75, "jeans": 76,
    "cobalt": 77, "periwinkle": 78, "lavender": 79, "violet": 80, "chalk": 81, "lilac": 82, "night": 83, "dusk": 84,
    "wisteria": 85, "grape": 86, "orchid": 87, "aubergine": 88, "purple": 89, "pearl": 90, "heather": 91, "thistle": 92,
    "damson": 93, "blossom": 94, "peony": 95, "mulberry": 96, "magenta": 97, "fuchsia": 98,
}  # fmt: skip
"""Name of a material's looks in daylight -> its number among the test colors of CIE 224:2017."""

_CHART = "BabelColor Average"


@functools.cache
def counts(materials: tuple[str, ...], light: str, camera: str) -> Float64:
    """Return what a camera counts for materials that face a light.

    Parameters
    ----------
    materials
        Names among :data:`MATERIALS` and :data:`PATCHES`, or :data:`GLOSS`.
    light
        Name of a CIE illuminant, as in ``colour.SDS_ILLUMINANTS``, or ``D100``, daylight in deep shade.
    camera
        Name among :data:`CAMERAS`.

    Returns
    -------
    Float64
        Shape (n, 3), red, green and blue; a perfect white counts 1 in green, whatever the light.

    Raises
    ------
    SettingsError
        A name that does not exist.
    """
    white = _sensitivities(camera) * _light(light)[:, None]  # (wavelengths, 3)
    reflectances = np.stack([_reflectance(material) for material in materials])  # (n, wavelengths)
    return np.asarray(np.einsum("nw,wc->nc", reflectances, white / white[:, 1].sum()))


@functools.cache
def rendering(camera: str) -> Rendering:
    """Return a camera's constants, from how it sees :data:`MATERIALS` in daylight.

    Counts of :func:`counts` are meant, black 0. The balance makes white gray under D65. The matrix is the
    least-squares map from balanced color to the linear sRGB of the CIE 1931 observer among those that keep gray gray.
    Saturation lies four times above white, beyond any highlight.
    """
    seen = counts((*MATERIALS, GLOSS), "D65", camera)
    balance = seen[-1, 1] / seen[-1]
    red, green, blue = (float(factor) for factor in balance)
    matrix = _matrix_keeping_gray(seen[:-1] * balance, _linear_srgb(tuple(MATERIALS)))
    return Rendering(black=0.0, saturation=4.0, balance=(red, green, blue), camera_matrix=matrix)


def _matrix_keeping_gray(balanced: Float64, wanted: Float64) -> Matrix:
    """Least squares for matrices whose rows sum to 1: blue's column follows from the other two."""
    free = balanced[:, :2] - balanced[:, 2:]
    columns = np.linalg.lstsq(free, wanted - balanced[:, 2:])[0]  # (2, 3)
    red, green, blue = ((float(r), float(g), float(1 - r - g)) for r, g in columns.T)
    return red, green, blue


def _linear_srgb(materials: tuple[str, ...]) -> Float64:
    """Linear sRGB of materials under D65 for the CIE 1931 observer, white being 1."""
    observer = _resampled(_colour().MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]) * _light("D65")[:, None]
    reflectances = np.stack([_reflectance(material) for material in materials])
    xyz = reflectances @ (observer / observer[:, 1].sum())
    return np.asarray(xyz @ _colour().RGB_COLOURSPACES["sRGB"].matrix_XYZ_to_RGB.T)


def _reflectance(material: str) -> Float64:
    """Share of the light that a material sends back, shape (wavelengths,)."""
    if material == GLOSS:
        return np.ones_like(WAVELENGTHS)
    if material in PATCHES:
        patches = list(_colour().SDS_COLOURCHECKERS[_CHART].values())
        return _resampled(patches[PATCHES.index(material)])
    _check(material, MATERIALS, "material")
    return _test_colors()[:, MATERIALS[material]]


@functools.cache
def _test_colors() -> Float64:
    from colour.quality.cfi2017 import load_TCS_CIE2017

    return _resampled(load_TCS_CIE2017(_colour().SpectralShape(380, 780, 5)))


def _light(name: str) -> Float64:
    if name == "D100":
        return _resampled(
            _colour().sd_CIE_illuminant_D_series(_colour().temperature.CCT_to_xy_CIE_D(10_000 * 1.4388 / 1.438))
        )
    _check(name, _colour().SDS_ILLUMINANTS, "light")
    return _resampled(_colour().SDS_ILLUMINANTS[name])


def _sensitivities(camera: str) -> Float64:
    _check(camera, CAMERAS, "camera")
    return _resampled(_colour().MSDS_CAMERA_SENSITIVITIES[CAMERAS[camera]], outside=0.0)


def _resampled(spectra: Any, outside: float | None = None) -> Float64:
    """Return spectra at WAVELENGTHS, shape (w,) or (w, n); beyond their ends `outside`, or else the last value."""
    columns = np.atleast_2d(spectra.values.T)
    ends = {"left": outside, "right": outside}
    resampled = [np.interp(WAVELENGTHS, spectra.wavelengths, column, **ends) for column in columns]
    return np.stack(resampled, axis=-1) if spectra.values.ndim == 2 else resampled[0]


def _colour() -> Any:
    import colour  # here, since it takes two seconds of the processor, and a demo that is rendered already needs none

    return colour


def _check(name: str, known: Container[str], what: str) -> None:
    if name not in known:
        raise SettingsError(f"demo: {what} {name!r} does not exist")
