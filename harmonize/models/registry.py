"""The registry of networks: one table, which training, checkpoints, the commands and `harmonize apply` read.

-   :class:`RegisteredNetwork`: a row of the table.
-   :func:`register_network`: adds a row.
-   :func:`find_network`, :func:`list_networks`: the row of a name; all names.
-   :func:`build_network`, :func:`read_settings`, :func:`teacher_settings`: what follows from a row.

A package can bring networks of its own: its entry point of the group :data:`GROUP` has the network's name, and its
value is a module that calls :func:`register_network` when it is imported. Such a module is imported when its network
is asked for, not before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, Self

from ccharmony.errors import SettingsError
from harmonize.models.settings import ISSAM, NetworkSettings, PihSettings
from harmonize.settings import Settings

if TYPE_CHECKING:
    from harmonize.models.network import Network

GROUP = "harmonize.networks"
"""Group of the entry points that bring networks."""

# The builders import their networks when they are called: torch takes seconds, and `--help` should not.


class AnySettings(Protocol):
    """Settings of some network: a frozen dataclass below :class:`harmonize.settings.Settings`, with a `model`."""

    @property
    def model(self) -> str:
        """Name of the network in the registry."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read settings from plain values; raises SettingsError."""


@dataclass(frozen=True)
class RegisteredNetwork:
    """A row of the registry.

    Attributes
    ----------
    default
        The settings where none are given; its class reads those of checkpoints and run folders.
    build
        Builds the network from its settings, with weights from torch's global RNG.
    teacher
        Settings of the reconstruction branch of a network with these settings; None where it has none, and so can
        neither be distilled nor start from one.
    parametric
        Whether it renders by parameters, as a :class:`harmonize.models.network.ParametricNetwork`.
    smallest_batch
        Pictures that a training step needs at least.
    """

    default: AnySettings
    build: Callable[[Any], Network]
    teacher: Callable[[Any], AnySettings] | None = None
    parametric: bool = False
    smallest_batch: int = 1

    @property
    def name(self) -> str:
        """Name of the network: ``model`` in its settings, ``--model`` of the commands."""
        return self.default.model


def register_network(
    name: str,
    *,
    settings: type[AnySettings],
    build: Callable[[Any], Network],
    teacher: Callable[[Any], AnySettings] | None = None,
    parametric: bool = False,
    smallest_batch: int = 1,
) -> None:
    """Add a network, so that it can be trained, saved, loaded, applied and evaluated by its name.

    Parameters
    ----------
    name
        Name of the network: `model` in its settings, ``--model`` of the commands.
    settings
        Frozen dataclass below :class:`harmonize.settings.Settings`, whose fields all have defaults; that of its field
        ``model`` is `name`. Checkpoints hold its fields, so they must be plain values or tuples of them.
    build
        Builds the network, a :class:`harmonize.models.network.Network`, from its settings; weights from torch's
        global RNG.
    teacher
        Returns the settings of the reconstruction branch for given settings. None: the network has no maps that
        could be compared, and is trained without distillation.
    parametric
        Whether the network is a :class:`harmonize.models.network.ParametricNetwork`.
    smallest_batch
        Pictures that a training step needs at least, such as 2 for batch norm over vectors.

    Raises
    ------
    SettingsError
        A network of that name exists, or the settings are no such dataclass.

    Examples
    --------
    >>> from harmonize.models.settings import NetworkSettings
    >>> register_network("giftnet", settings=NetworkSettings, build=print)
    Traceback (most recent call last):
    ccharmony.errors.SettingsError: network giftnet: registered already, wanted another name
    """
    if name in _NETWORKS:
        raise SettingsError(f"network {name}: registered already, wanted another name")
    if not (isinstance(settings, type) and dataclasses.is_dataclass(settings) and issubclass(settings, Settings)):
        raise SettingsError(f"network {name}: settings {settings!r} found, a dataclass below Settings wanted")
    try:
        default = settings()
    except TypeError as error:
        raise SettingsError(f"network {name}: {error}; a default wanted for every field") from error
    if getattr(default, "model", None) != name:
        found = getattr(default, "model", None)
        raise SettingsError(f"network {name}: {settings.__name__}().model is {found!r}, {name!r} wanted")
    _NETWORKS[name] = RegisteredNetwork(default, build, teacher, parametric, smallest_batch)


def find_network(name: str) -> RegisteredNetwork:
    """Return the row of a network; imports the module of an entry point where the table does not hold the name.

    Raises
    ------
    SettingsError
        There is no such network, or its module cannot be imported or does not register it.
    """
    if name not in _NETWORKS:
        _import_plugin(name)
    if name not in _NETWORKS:
        raise SettingsError(f"model {name!r} found, one of {', '.join(list_networks())} wanted")
    return _NETWORKS[name]


def list_networks() -> list[str]:
    """Return the names of all networks: those of the table, then those of entry points, which are not imported."""
    return list(dict.fromkeys([*_NETWORKS, *sorted(point.name for point in entry_points(group=GROUP))]))


def build_network(settings: AnySettings) -> Network:
    """Build the network that settings describe.

    Parameters
    ----------
    settings
        Those of a registered network.

    Returns
    -------
    Network
        On the CPU, in training mode, with weights from torch's global RNG.

    Raises
    ------
    SettingsError
        No network of that name, or its builder returned something else.
    """
    from harmonize.models.network import Network, ParametricNetwork

    row = find_network(settings.model)
    net = row.build(settings)
    wanted = ParametricNetwork if row.parametric else Network
    if not isinstance(net, wanted):
        raise SettingsError(f"network {row.name}: its builder returned {type(net).__name__}, {wanted.__name__} wanted")
    return net


def read_settings(values: Mapping[str, Any]) -> AnySettings:
    """Read a network's settings from plain values, by the ``model`` that they name, else as GiftNet's.

    Raises
    ------
    SettingsError
        No such network, or a name or value that it does not have.
    """
    name = values.get("model", _DEFAULT) if isinstance(values, Mapping) else None
    if not isinstance(name, str):
        raise SettingsError(f"{values!r:.60} found, a network's settings by name wanted")
    default = find_network(name).default
    return type(default).from_dict(values)


def teacher_settings(settings: AnySettings) -> AnySettings:
    """Return the settings of a network's reconstruction branch; raises SettingsError where it has none."""
    teacher = find_network(settings.model).teacher
    if teacher is None:
        raise SettingsError(f"model {settings.model}: has no reconstruction branch, wanted a network that has one")
    return teacher(settings)


def _import_plugin(name: str) -> None:
    for point in entry_points(group=GROUP, name=name):
        try:
            point.load()
        except Exception as error:  # a foreign module can fail in any way
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            raise SettingsError(f"network {name}: {point.value} cannot be imported ({problem})") from error
        if name not in _NETWORKS:
            raise SettingsError(f"network {name}: {point.value} does not register it, wanted a call register_network")


def _build_giftnet(settings: NetworkSettings) -> Network:
    from harmonize.models import giftnet

    return giftnet.build(settings)


def _build_pih(settings: PihSettings) -> Network:
    from harmonize.models.pih import network

    return network.build(settings)


def _issam_of_width(settings: NetworkSettings) -> NetworkSettings:
    """Return the basic network of the same width, so that its maps compare."""
    return NetworkSettings(model="issam", width=settings.width, gift=())


_ROWS = (
    RegisteredNetwork(NetworkSettings(), _build_giftnet, teacher=_issam_of_width),
    RegisteredNetwork(ISSAM, _build_giftnet, teacher=_issam_of_width),
    RegisteredNetwork(PihSettings(), _build_pih, parametric=True, smallest_batch=2),
)
_NETWORKS = {row.name: row for row in _ROWS}
_DEFAULT = "giftnet"
