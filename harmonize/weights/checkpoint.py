"""Weights on disk: safetensors with the settings inside, and checkpoints of others.

-   :func:`save_weights`, :func:`load_weights`: a network, its settings and what is known of its training.
-   :func:`load_foreign`: a checkpoint without settings, such as iSSAM's as released; never runs code in it.
-   :func:`load`: whichever of the two a file is by its content, or a bundled one, by name or path.

The registry finds a network by the name in its settings. A checkpoint that does not fit is refused with the names
missing and unexpected; nothing is ever loaded in part.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from ccharmony import __version__, files, inputs, strict_json
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from harmonize.models import registry
from harmonize.models.network import Network
from harmonize.models.registry import AnySettings
from harmonize.weights import bundled, foreign, torch_files

FORMAT = 1
"""Version of the layout of the metadata; a file with a higher one is refused."""


_FORMAT = re.compile("[0-9]{1,4}")


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
        "sha256": _digest(tensors),
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
    with _opened(path) as file:
        notes = file.metadata() or {}
        settings, metadata = _parse(path, notes)
        shapes = {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _check_fit(_layout(settings, path), shapes, path)
        tensors = {name: file.get_tensor(name) for name in shapes}
    net = registry.build_network(settings)
    _fill(net, tensors, path)
    if notes.get("sha256", digest := _digest(tensors)) != digest:  # files of earlier versions have none
        raise WeightsError(f"{path}: damaged, its weights are not those that were written (another sha256)")
    return Loaded(net, settings, metadata)


def read_notes(path: Path) -> tuple[AnySettings, dict[str, Any]]:
    """Read settings and metadata of weights, where they have any without the weights; raises WeightsError as `load`."""
    path = Path(path)
    if _is_foreign(path):
        return load_foreign(path)[1:]
    with _opened(path) as file:
        return _parse(path, file.metadata() or {})


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
    found = foreign.identify(foreign.read_tables(path) if _is_torch(path) else {"": _read_tensors(path)})
    _check_fit(foreign.shapes_of(found.settings), _shapes(found.tensors), path, found.settings.model)
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
    if _is_torch(path):
        return True
    with _opened(path) as file:
        return not {"version", "settings"} & (file.metadata() or {}).keys()


def _is_torch(path: Path) -> bool:
    try:
        return foreign.is_torch(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file, weights wanted") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}), weights wanted") from error


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() and value.dim() > 1 else value


def _unwrap(net: nn.Module) -> nn.Module:
    """Remove the wrappers of ``torch.compile`` (``_orig_mod``) and ``DistributedDataParallel`` (``module``)."""
    inner = getattr(net, "_orig_mod", None) or getattr(net, "module", None)
    return _unwrap(inner) if isinstance(inner, nn.Module) else net


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file; raises WeightsError where that is impossible."""
    try:
        inputs.check(path, torch_files.MOST_BYTES)
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file, weights wanted") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged or not a safetensors file ({_first_line(error)})") from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _parse(path: Path, notes: Mapping[str, str]) -> tuple[AnySettings, dict[str, Any]]:
    if "settings" not in notes or not _FORMAT.fullmatch(notes.get("format", "")):
        raise WeightsError(f"{path}: no settings inside, weights saved by harmonize wanted")
    if int(notes["format"]) > FORMAT:
        raise WeightsError(f"{path}: format {notes['format']} found, at most {FORMAT} can be read; update harmonize")
    try:
        values, metadata = (strict_json.parse(notes.get(name, "{}")) for name in ("settings", "metadata"))
        if not isinstance(metadata, dict):
            raise ValueError(f"metadata {type(metadata).__name__}, wanted an object")
        return registry.read_settings({"model": values["model"], **values}), metadata
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise WeightsError(f"{path}: settings cannot be read ({_first_line(error)})") from error


def _layout(settings: AnySettings, path: Path) -> dict[str, torch.Size]:
    """Return the shapes of the network that settings ask for; raises WeightsError where they ask for none."""
    try:
        return foreign.shapes_of(settings)
    except SettingsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except Exception as error:  # 10^9 channels overflow in many ways, and a network of one's own may fail in any
        raise WeightsError(f"{path}: its settings give no network ({_first_line(error)})") from error


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _fill(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy `tensors` into `net`, all or none, and make it ready for evaluation."""
    wanted = net.state_dict()
    _check_fit(_shapes(wanted), _shapes(tensors), path)
    for name, value in tensors.items():
        if wanted[name].is_floating_point() and not value.is_floating_point():
            raise WeightsError(f"{path}: {name}: {value.dtype} found, {wanted[name].dtype} wanted")
        if not torch.isfinite(value.to(wanted[name].dtype)).all():  # torch looks at no eight bits as they are
            raise WeightsError(f"{path}: {name}: NaN or infinity found, finite numbers wanted")
    net.load_state_dict(dict(tensors))
    net.eval()


def _check_fit(wanted: Mapping[str, torch.Size], found: Mapping[str, torch.Size], path: Path, model: str = "") -> None:
    """Raise WeightsError that names what is missing, unexpected or of another shape."""
    missing, unexpected = [n for n in wanted if n not in found], [n for n in found if n not in wanted]
    shapes = [
        f"{name}: shape {tuple(found[name])} found, {tuple(shape)} wanted"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    nearest = f" (the nearest is {model})" if model else ""
    if missing or unexpected:
        listed = f"missing {_some(missing)}; unexpected {_some(unexpected)}"
        raise WeightsError(f"{path}: another network{nearest}; {'; '.join([listed, *shapes[:3]])}")
    if shapes:
        raise WeightsError(f"{path}: {'; '.join(shapes[:3])}{nearest}")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of all tensors, their names, kinds and shapes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _some(names: list[str]) -> str:
    """Write all names where they are few, else how many and the first eight."""
    if len(names) <= 8:
        return ", ".join(names) or "nothing"
    return f"{len(names)} names ({', '.join(names[:8])}, …)"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
