"""Weights on disk: safetensors with the settings inside, and checkpoints of others.

-   :func:`save_weights`, :func:`load_weights`: a network, its settings and what is known of its training.
-   :func:`load_foreign`: a checkpoint without settings, such as iSSAM's as released; never runs code in it.
-   :func:`load`: whichever of the two a file is by its content, or a bundled one, by name or path.

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
from harmonize.weights import bundled, foreign

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
    """Read settings and metadata of weights, where they have any without the weights; raises WeightsError as `load`."""
    path = Path(path)
    if _is_foreign(path):
        return load_foreign(path)[1:]
    return _parse(path, _read_header(path))


def load_foreign(path: Path) -> Loaded:
    """Read a checkpoint that names no settings, by the names and shapes of its tensors.

    Parameters
    ----------
    path
        A file of `torch.save` or safetensors, under any name.

    Returns
    -------
    Loaded
        iSSAM, GiftNet or PIH, with default settings but for the width. iSSAM's mask blur is the file's: see
        :class:`harmonize.models.layers.MaskBlur`.

    Raises
    ------
    WeightsError
        No such file, not a checkpoint, code in it, or none of these networks: with the names and shapes that do not fit
        the nearest.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file, a checkpoint wanted")
    found = foreign.identify(foreign.read_tables(path) if _is_torch(path) else {"": _read(path)[0]})
    _check_fit(foreign.shapes_of(found.settings), found.tensors, path, found.settings.model)
    net = registry.build_network(found.settings)
    _fill(net, found.tensors, path)
    return Loaded(net, found.settings, {"source": path.name})


def load(name_or_path: StrPath) -> Loaded:
    """Read bundled weights by name, ours by path, or a checkpoint of others by path; its content decides, not its name.

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
        As :func:`harmonize.weights.bundled.find`, :func:`load_weights` and :func:`load_foreign`.
    """
    path = bundled.find(name_or_path)
    return load_foreign(path) if _is_foreign(path) else load_weights(path)


def _is_foreign(path: Path) -> bool:
    """Return whether a file holds no settings of ours: torch's, or a whole safetensors file of somebody else."""
    if path.parent.resolve() == bundled.WEIGHTS.resolve():
        return False
    return _is_torch(path) or not {"version", "settings"} & _read_header(path).keys()


def _is_torch(path: Path) -> bool:
    try:
        return foreign.is_torch(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}), weights wanted") from error


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


def _read_header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
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
    _check_fit({name: value.shape for name, value in net.state_dict().items()}, tensors, path)
    net.load_state_dict(dict(tensors))
    net.eval()


def _check_fit(wanted: Mapping[str, torch.Size], tensors: Mapping[str, Tensor], path: Path, model: str = "") -> None:
    """Raise WeightsError that names what is missing, unexpected, of another shape or not finite."""
    missing, unexpected = [n for n in wanted if n not in tensors], [n for n in tensors if n not in wanted]
    shapes = [
        f"{name}: shape {tuple(tensors[name].shape)} found, {tuple(shape)} wanted"
        for name, shape in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    nearest = f" (the nearest is {model})" if model else ""
    if missing or unexpected:
        listed = f"missing {_some(missing)}; unexpected {_some(unexpected)}"
        raise WeightsError(f"{path}: another network{nearest}; {'; '.join([listed, *shapes[:3]])}")
    if shapes:
        raise WeightsError(f"{path}: {'; '.join(shapes[:3])}{nearest}")
    for name in wanted:
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{path}: {name}: NaN or infinity found, finite numbers wanted")


def _some(names: list[str]) -> str:
    """Write all names where they are few, else how many and the first eight."""
    if len(names) <= 8:
        return ", ".join(names) or "nothing"
    return f"{len(names)} names ({', '.join(names[:8])}, …)"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
