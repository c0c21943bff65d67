"""The ten rows of Table 3 of the GiftNet paper: network and distillation of each."""

from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.training.named_settings import list_settings, write_value
from harmonize.training.settings import DistillSettings

_NO_DISTILLATION = DistillSettings(kind="none", sites=())


TABLE_3: dict[int, tuple[NetworkSettings, DistillSettings]] = {
    1: (ISSAM, _NO_DISTILLATION),
    2: (NetworkSettings(gift=("D3",)), _NO_DISTILLATION),
    3: (NetworkSettings(gift=("D2", "D3")), _NO_DISTILLATION),
    4: (NetworkSettings(gift=("D1", "D2", "D3")), _NO_DISTILLATION),
    5: (NetworkSettings(gift=("D2", "D3", "E")), _NO_DISTILLATION),
    6: (NetworkSettings(gift=("D3",), guidance="none"), _NO_DISTILLATION),
    7: (NetworkSettings(gift=("D3",), guidance="self"), _NO_DISTILLATION),
    8: (NetworkSettings(), DistillSettings()),
    9: (NetworkSettings(), DistillSettings(sites=("E", "D2", "D3"))),
    10: (NetworkSettings(), DistillSettings(kind="feature")),
}
"""Network and distillation of each row of the paper's Table 3."""


def changes_of(row: int) -> dict[str, str]:
    """Return the settings that make a run one of a row, by name, as text; its width and all else stay as they are."""
    network, distill = TABLE_3[row]
    known = list_settings(network, "network.") | list_settings(distill, "distill.")
    names = ("network.model", "network.gift", "network.guidance", "distill.kind", "distill.sites")
    return {name: write_value(known[name].value) for name in names}
