"""What is scored: a network, weights, or a folder of pictures that another method made.

Contents: :class:`Method`, :func:`open_method`, :func:`open_weights`, :func:`open_predictions`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ccharmony import inputs
from ccharmony.files import StrPath
from harmonize.devices import find_device
from harmonize.evaluation.predictions import Predictions
from harmonize.models.views import TwoViews
from harmonize.settings import check_integer
from harmonize.weights import bundled, cards, checkpoint


@dataclass(frozen=True)
class Method:
    """What is scored, and how report.json names it.

    Attributes
    ----------
    source
        A network in evaluation mode, on its device, or pictures that another method made.
    title
        One phrase.
    details
        Entries `weights` and `predictions` of report.json; one of them is None.
    """

    source: nn.Module | Predictions
    title: str
    details: dict[str, Any]


def open_method(method: Method | nn.Module | StrPath | None, device: str = "auto") -> Method:
    """Open what is to be scored.

    Parameters
    ----------
    method
        A network, which is put into evaluation mode and stays on its device; the name of bundled weights or a file of
        weights; a folder of pictures that another method made, named after their composites; None for the bundled
        default. A `Method` is returned as it is.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; used for weights alone.

    Returns
    -------
    Method
        The method, ready to be scored.

    Raises
    ------
    WeightsError
        No such weights, or they do not fit.
    SourceError
        A folder without a picture.
    SettingsError
        No such device.
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, nn.Module):
        name = type(method).__name__
        return Method(method.eval(), f"network {name}", {"weights": {"network": name}, "predictions": None})
    if method is not None and Path(method).is_dir():
        return open_predictions(method)
    return open_weights(method, device)


def open_weights(weights: StrPath | None, device: str = "auto", views: int = 1) -> Method:
    """Load a network to score.

    Parameters
    ----------
    weights
        Name of bundled weights, or a file; None for the bundled default.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    views
        2 for a network that is asked twice, see :class:`harmonize.models.views.TwoViews`.

    Returns
    -------
    Method
        The network on its device, in evaluation mode.

    Raises
    ------
    WeightsError
        No such weights, or they do not fit.
    SettingsError
        No such device, neither one view nor two, or two of a network that predicts curves.
    """
    check_integer("views", views, 1, 2)
    chosen = find_device(device)
    name = os.fspath(weights) if weights is not None else cards.default_weights()
    path = bundled.find(name)
    loaded = checkpoint.load(path)
    with inputs.open_binary(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    settings = loaded.settings.to_dict()
    details: dict[str, Any] = {"file": name, "sha256": digest, "settings": settings, "metadata": loaded.metadata}
    net: nn.Module = loaded.net.to(chosen).eval().requires_grad_(False)
    title = f"weights {name} ({settings['model']}, sha256 {digest[:12]}) on {chosen}"
    if views == 2:
        return Method(
            TwoViews(net).eval(), f"{title}, 2 views", {"weights": {**details, "views": 2}, "predictions": None}
        )
    return Method(net, title, {"weights": details, "predictions": None})


def open_predictions(folder: StrPath) -> Method:
    """Open a folder of pictures that another method made; raises SourceError where it holds no picture."""
    title = f"predictions {os.fspath(folder)}"
    return Method(Predictions(Path(folder)), title, {"weights": None, "predictions": os.fspath(folder)})
