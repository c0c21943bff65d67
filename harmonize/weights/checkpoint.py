"""Weights on disk: safetensors with the settings inside, and released iSSAM checkpoints.

-   :func:`save_weights`, :func:`load_weights`: a network, its settings and what is known of its training.
-   :func:`load_issam`: a checkpoint as Sofiiuk et al. released it; never runs code that such a file may hold.
-   :func:`load`: whichever of the two, or a bundled one, by name or path.

The registry finds a network by the name in its settings. A checkpoint that does not fit is refused with the names
missing and unexpected; nothing is ever loaded in part.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from ccharmony import __version__, files, strict_json
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from harmonize.models import registry
from harmonize.models.network import Network
from harmonize.models.registry import AnySettings
from harmonize.models.settings import ISSAM
from harmonize.models.unet import UNet
from harmonize.weights import bundled

FORMAT = 1
"""Version of the layout of the metadata; a file with a higher one is refused."""


class Loaded(NamedTuple):
    """A network read from disk: on the CPU, float32, in evaluation mode."""

    net: Network
    settings: AnySettings
    metadata: dict[str, Any]


def save_weights(
    path: Path, net: nn.Module, settings: AnySettings, *, metadata: Mapping[str, Any] | None = None, half: bool = False
) -> None:
    """Write `net` with its `settings`, completely or not at all.

    Parameters
    ----------
    path
        ``*.safetensors``; a file of that name stays until the new one is complete.
    net
        The network, on any device; wrappers of ``torch.compile`` and distributed training are removed.
    settings
        What it was built from.
    metadata
        Anything JSON can say: data, steps, scores, licence.
    half
        Store weights of two dimensions and more in half precision: half the size. Biases, batch norm and buffers stay.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    tensors = {name: _stored(value, half) for name, value in _unwrap(net).state_dict().items()}
    notes = {
        "format": str(FORMAT),
        "version": __version__,
        "settings": json.dumps(settings.to_dict()),
        "metadata": json.dumps(dict(metadata or {})),
    }
    files.write_bytes(path, to_bytes(tensors, notes))


def load_weights(path: Path) -> Loaded:
    """Read what :func:`save_weights` wrote.

    Parameters
    ----------
    path
        ``*.safetensors``; a bundled file is also checked against its SHA-256.

    Returns
    -------
    Loaded
        Network, settings and metadata.

    Raises
    ------
    WeightsError
        No such file, not a file of ours, damaged, of a newer format, of an unknown network, or parts missing.
    """
    path = Path(path)
    if path.parent.resolve() == bundled.WEIGHTS.resolve():
        bundled.check_digest(path)
    tensors, notes = _read(path)
    settings, metadata = _parse(path, notes)
    net = registry.build_network(settings)
    _fill(net, tensors, path)
    return Loaded(net, settings, metadata)


def read_notes(path: Path) -> tuple[AnySettings, dict[str, Any]]:
    """Read settings and metadata of weights without the weights; raises WeightsError as :func:`load_weights`."""
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            return _parse(path, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged or not a safetensors file ({_first_line(error)})") from error


def load_issam(path: Path) -> UNet:
    """Read a released iSSAM checkpoint (``.pth``, 256×256 model without backbone) by the names of its tensors.

    Only tensors are unpickled (``weights_only``), so code inside a foreign file does not run.

    Parameters
    ----------
    path
        The file as released.

    Returns
    -------
    UNet
        On the CPU, in evaluation mode. Its mask blur is the file's: see :class:`harmonize.models.layers.MaskBlur`.

    Raises
    ------
    WeightsError
        No such file, not a checkpoint, code in it, or not this network: with the names missing and unexpected.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file, an iSSAM checkpoint wanted")
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes can make the unpickler fail in any way
        raise WeightsError(f"{path}: not a checkpoint of plain tensors ({_first_line(error)})") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise WeightsError(f"{path}: {type(tensors).__name__} found, tensors by name wanted")
    net = UNet(ISSAM)
    _fill(net, tensors, path)
    return net


def load(name_or_path: StrPath) -> Loaded:
    """Read bundled weights by name, ours by path, or a released iSSAM checkpoint (``.pth`` or ``.pt``) by path.

    Parameters
    ----------
    name_or_path
        Name of bundled weights, or a file.

    Returns
    -------
    Loaded
        Network, settings and metadata.

    Raises
    ------
    WeightsError
        As :func:`harmonize.weights.bundled.find`, :func:`load_weights` and :func:`load_issam`.
    """
    path = bundled.find(name_or_path)
    if path.suffix in (".pth", ".pt"):
        return Loaded(load_issam(path), ISSAM, {"source": path.name})
    return load_weights(path)


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() and value.dim() > 1 else value


def _unwrap(net: nn.Module) -> nn.Module:
    """Remove the wrappers of ``torch.compile`` (``_orig_mod``) and ``DistributedDataParallel`` (``module``)."""
    inner = getattr(net, "_orig_mod", None) or getattr(net, "module", None)
    return _unwrap(inner) if isinstance(inner, nn.Module) else net


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file, weights wanted")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged or not a safetensors file ({_first_line(error)})") from error


def _parse(path: Path, notes: Mapping[str, str]) -> tuple[AnySettings, dict[str, Any]]:
    if "settings" not in notes or not notes.get("format", "").isdecimal():
        raise WeightsError(f"{path}: no settings inside, weights saved by harmonize wanted")
    if int(notes["format"]) > FORMAT:
        raise WeightsError(f"{path}: format {notes['format']} found, at most {FORMAT} can be read; update harmonize")
    try:
        values, metadata = (strict_json.parse(notes.get(name, "{}")) for name in ("settings", "metadata"))
        return registry.read_settings({"model": values["model"], **values}), metadata
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise WeightsError(f"{path}: settings cannot be read ({_first_line(error)})") from error


def _fill(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy `tensors` into `net`, all or none, and make it ready for evaluation."""
    wanted = net.state_dict()
    missing, unexpected = [n for n in wanted if n not in tensors], [n for n in tensors if n not in wanted]
    if missing or unexpected:
        raise WeightsError(f"{path}: another network; missing {_some(missing)}; unexpected {_some(unexpected)}")
    for name, value in wanted.items():
        if tensors[name].shape != value.shape:
            found = f"{tuple(tensors[name].shape)} found, {tuple(value.shape)} wanted"
            raise WeightsError(f"{path}: {name}: shape {found}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{path}: {name}: NaN or infinity found, finite numbers wanted")
    net.load_state_dict(dict(tensors))
    net.eval()


def _some(names: list[str]) -> str:
    """Write all names where they are few, else how many and the first eight."""
    if len(names) <= 8:
        return ", ".join(names) or "nothing"
    return f"{len(names)} names ({', '.join(names[:8])}, …)"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
