import json
import math
import re
from dataclasses import dataclass
from typing import Literal

import pytest

from ccharmony.errors import SettingsError
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.settings import Count, Settings, Share
from harmonize.table3 import TABLE_3
from harmonize.training.settings import DistillSettings


def test_default_network_is_row_eight_of_table_three():
    network, distill = TABLE_3[8]
    assert network == NetworkSettings()
    assert distill == DistillSettings()
    assert network.sites == {"E1": 32, "E2": 64, "E3": 128, "E4": 256, "D2": 64, "D3": 32}
    assert (distill.kind, distill.sites, distill.gamma, distill.weight) == ("relation", ("E",), 0.01, 0.001)


def test_table_three_has_the_ten_rows_of_the_paper():
    rows = {
        row: (network.gift, network.guidance if network.gift else "", distill.kind, distill.sites)
        for row, (network, distill) in TABLE_3.items()
    }
    assert rows == {
        1: ((), "", "none", ()),
        2: (("D3",), "global", "none", ()),
        3: (("D2", "D3"), "global", "none", ()),
        4: (("D1", "D2", "D3"), "global", "none", ()),
        5: (("D2", "D3", "E"), "global", "none", ()),
        6: (("D3",), "none", "none", ()),
        7: (("D3",), "self", "none", ()),
        8: (("D2", "D3", "E"), "global", "relation", ("E",)),
        9: (("D2", "D3", "E"), "global", "relation", ("E", "D2", "D3")),
        10: (("D2", "D3", "E"), "global", "feature", ("E",)),
    }


def test_half_width_network_has_half_the_channels():
    settings = NetworkSettings(width=16, gift=("D1", "D2", "D3", "E"))
    assert settings.widths == (16, 32, 64, 128)
    assert settings.sites == {"E1": 16, "E2": 32, "E3": 64, "E4": 128, "D1": 64, "D2": 32, "D3": 16}


def test_the_order_in_which_sites_are_named_does_not_matter():
    assert NetworkSettings(gift=("E", "D3", "D2")) == NetworkSettings(gift=("D2", "D3", "E"))
    assert DistillSettings(sites=("D3", "E")) == DistillSettings(sites=("E", "D3"))


@pytest.mark.parametrize("settings", [ISSAM, NetworkSettings(width=16, guidance="self", epsilon=1e-6)])
def test_network_settings_survive_json(settings):
    assert NetworkSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_distillation_settings_survive_json():
    settings = DistillSettings(kind="feature", sites=("E", "D2"), gamma=0.5, weight=1)
    assert DistillSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_missing_values_take_their_defaults():
    assert NetworkSettings.from_dict({"width": 16}) == NetworkSettings(width=16)


def test_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="NetworkSettings: unknown levels; it has model, width, gift"):
        NetworkSettings.from_dict({"levels": 4})
    with pytest.raises(SettingsError, match="NetworkSettings: unknown widht, nearest width; it has model"):
        NetworkSettings.from_dict({"widht": 4})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "dovenet"}, "model: 'dovenet' found, one of giftnet, issam wanted"),
        ({"width": 0}, "width: 0 found, an integer of at least 1 and at most 4096 wanted"),
        ({"width": 32.0}, "width: 32.0 found, an integer"),
        ({"width": True}, "width: True found, an integer"),
        ({"gift": ("D4",)}, "gift: ('D4',) found, a list, each one of D1, D2, D3, E wanted"),
        ({"gift": "D3"}, "gift: 'D3' found, a list"),
        ({"guidance": "local"}, "guidance: 'local' found"),
        ({"mlp_width": -1}, "mlp_width: -1 found"),
        ({"epsilon": 0.0}, "epsilon: 0.0 found, a finite number above 0 wanted"),
        ({"epsilon": math.inf}, "epsilon: inf found, a finite number above 0 wanted"),
        ({"model": "issam"}, "model issam: GIFT on D2, D3, E found, the basic network has none"),
    ],
)
def test_network_settings_refuse_what_no_network_has(values, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        NetworkSettings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "logit"}, "kind: 'logit' found, one of relation, feature, none wanted"),
        ({"sites": ("D1",)}, "sites: ('D1',) found, a list, each one of E, D2, D3 wanted"),
        ({"sites": ()}, "distillation relation: no site found"),
        ({"gamma": -0.01}, "gamma: -0.01 found, a finite number of at least 0 wanted"),
        ({"gamma": math.nan}, "gamma: nan found, a finite number of at least 0 wanted"),
        ({"weight": -1}, "weight: -1 found"),
        ({"weight": "0.001"}, "weight: '0.001' found, a finite number of at least 0 wanted"),
    ],
)
def test_distillation_settings_refuse_wrong_values(values, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        DistillSettings(**values)


@dataclass(frozen=True)
class Drawing(Settings):
    """Settings of a class of one's own, one field of each kind."""

    title: str = "a"
    count: Count = 1
    share: Share = 0.5
    filled: bool = False
    mode: Literal["line", "area"] = "line"
    corners: tuple[tuple[int, int], ...] = ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": 3}, "title: 3 found, a text wanted"),
        ({"title": True}, "title: True found, a text wanted"),
        ({"count": "1"}, "count: '1' found, an integer of at least 1 wanted"),
        ({"share": 1.5}, "share: 1.5 found, a finite number of at least 0 and at most 1 wanted"),
        ({"share": True}, "share: True found, a finite number"),
        ({"filled": 1}, "filled: 1 found, true or false wanted"),
        ({"filled": "true"}, "filled: 'true' found, true or false wanted"),
        ({"mode": "dots"}, "mode: 'dots' found, one of line, area wanted"),
        ({"corners": [[1, 2], [3]]}, "corners: ((1, 2), (3,)) found, a list, each 2 values (an integer; an integer)"),
        ({"corners": [1]}, "corners: (1,) found, a list"),
    ],
)
def test_each_kind_of_field_is_checked_by_its_annotation(values, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        Drawing.from_dict(values)


def test_settings_of_each_kind_survive_json():
    drawing = Drawing("b", 2, 1, True, "area", ((1, 2), (3, 4)))
    assert Drawing.from_dict(json.loads(json.dumps(drawing.to_dict()))) == drawing
