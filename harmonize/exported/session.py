"""An exported network, run by onnxruntime; nothing here imports torch.

The file's graph takes ``composite`` (B, 3, H, W), RGB in [0, 1], and ``mask`` (B, 1, H, W), in [0, 1], of any size. It
gives ``harmonized`` (B, 3, H, W), in [0, 1], or, of a parametric network, ``curves`` (B, 3, knots) and ``log_gain``
(B, 1, h, w). Settings, version and a checksum of the file stand in its metadata.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

from ccharmony import inputs, strict_json
from ccharmony.arrays import Float32
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from harmonize import memory, processors
from harmonize.exported import protobuf

SUFFIX = ".onnx"
FORMAT = 1
INPUTS = ("composite", "mask")
PICTURE, PARAMETERS = ("harmonized",), ("curves", "log_gain")

_MOST_BYTES = 2**31
"""Of a file: protobuf ends there."""

MOST_SECONDS = 600
"""Of one call: a graph may hold a loop without end. A picture at 256x256 takes a tenth of a second."""

_SHARE = 0.8
"""Of the free memory, for all networks together: a graph of some hundred bytes may ask for any tensor."""

_FATAL = 4
"""onnxruntime's level of what it writes to the terminal; its errors are raised, too."""


class Session:
    """A file that is open.

    Attributes
    ----------
    settings
        The network's settings, as plain values.
    parametric
        Whether it gives curves and map.
    """

    def __init__(self, path: Path, runner: Any) -> None:
        notes = runner.get_modelmeta().custom_metadata_map
        names = tuple(output.name for output in runner.get_outputs())
        if notes.get("harmonize_format") != str(FORMAT) or names not in (PICTURE, PARAMETERS):
            raise WeightsError(f"{path}: not of harmonize export (format {FORMAT}), one wanted")
        self.settings = strict_json.parse(notes.get("settings", "{}"))
        if not isinstance(self.settings, dict):
            raise WeightsError(f"{path}: its settings are no JSON object, those of harmonize export wanted")
        self.parametric = names == PARAMETERS
        self._path, self._names, self._runner = path, list(names), runner

    def run(self, composites: Float32, masks: Float32) -> list[Float32]:
        """Run the network.

        Parameters
        ----------
        composites
            Pictures (B, 3, H, W), RGB, in [0, 1].
        masks
            Foregrounds (B, 1, H, W), in [0, 1].

        Returns
        -------
        list of Float32
            Outputs in the order of `PICTURE` or `PARAMETERS`.

        Raises
        ------
        WeightsError
            onnxruntime cannot run the graph, for want of memory or time, too.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = _FATAL
        end = threading.Timer(MOST_SECONDS, setattr, (options, "terminate", True))
        end.daemon = True
        end.start()
        values = dict(zip(INPUTS, (composites, masks), strict=True))
        try:
            found: list[Float32] = self._runner.run(self._names, values, options)
        except Exception as error:  # its errors have no class of their own in common
            why = f"ended after {MOST_SECONDS} s" if options.terminate else _first_line(error)
            raise WeightsError(f"{self._path}: onnxruntime cannot run it ({why})") from error
        finally:
            end.cancel()
        return found


def is_exported(weights: object) -> bool:
    """Return whether weights are named as an ONNX file."""
    return str(weights).lower().endswith(SUFFIX)


def open_session(path: StrPath) -> Session:
    """Open an exported network, once for several calls with the same file.

    Parameters
    ----------
    path
        File of `harmonize export`.

    Returns
    -------
    Session
        It runs on the CPU, with as many threads as :func:`harmonize.processors.threads` says now.

    Raises
    ------
    WeightsError
        No such file, or not one of ours.
    SettingsError
        onnxruntime is not installed.
    """
    path = Path(path)
    try:
        status = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}), a file of harmonize export wanted") from error
    return _open(path, processors.threads(), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=2)
def _open(path: Path, threads: int, _time: int, _size: int) -> Session:
    """Open a file; its time and size are arguments so that one that was written again is opened again."""
    try:
        import onnxruntime
    except ImportError as error:
        raise SettingsError(f"{path}: onnxruntime is not installed, wanted: pip install 'ccharmony[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, _FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as `processors` does for OpenMP
    _bound_memory(onnxruntime)
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        # From memory: a graph whose weights are said to be in other files finds none.
        data = inputs.read_bytes(path, _MOST_BYTES)
        if not protobuf.is_sealed(data):
            raise WeightsError(f"{path}: damaged or no ONNX file of harmonize export (no checksum or another one)")
        # Without fallback: it prints to stdout that it tries the same processor again.
        runner = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        return Session(path, runner)
    except WeightsError:
        raise
    except Exception as error:  # its errors have no class of their own in common
        raise WeightsError(f"{path}: damaged or no ONNX file ({_first_line(error)})") from error


@functools.cache
def _bound_memory(onnxruntime: Any) -> None:
    """Let all sessions of this process share one allocator that ends at a share of the memory that is free now."""
    free = memory.free_bytes()
    if free is None:
        return
    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    default = -1  # of how it grows
    bound = onnxruntime.OrtArenaCfg(int(_SHARE * free), default, default, default)
    onnxruntime.create_and_register_allocator(place, bound)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
