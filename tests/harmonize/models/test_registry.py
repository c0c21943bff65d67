"""A network from outside the package: registered by a call or through an entry point, then trained and used."""

import dataclasses
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ccharmony.errors import SettingsError, TrainingError, WeightsError
from ccharmony.images import pixels
from harmonize.evaluation import evaluate, methods, protocols, scoring
from harmonize.inference.image import harmonize_image
from harmonize.models import registry
from harmonize.models.network import Features, Network, ParametricNetwork
from harmonize.models.settings import ISSAM, NetworkSettings, PihSettings
from harmonize.settings import Settings
from harmonize.training import changes, train
from harmonize.training.data_paths import DataPaths
from harmonize.training.objective import Objective
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.weights import checkpoint

MODULE = """
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from harmonize.models.network import Network
from harmonize.models.registry import register_network
from harmonize.settings import Count, Settings


@dataclass(frozen=True)
class ToySettings(Settings):
    model: Literal["{name}"] = "{name}"
    width: Count = 4


class Toy(Network):
    def __init__(self, settings: ToySettings) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, settings.width, 3, padding=1)
        self.last = nn.Conv2d(settings.width, 3, 1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        change = self.last(torch.relu(self.first(torch.cat([image, mask], dim=1))))
        return image + change * mask


register_network("{name}", settings=ToySettings, build=Toy)
"""

BROKEN = "raise RuntimeError('no such thing')"
SILENT = ""

Install = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module in a folder on sys.path; its entry point has the network's name."""
    monkeypatch.setattr(registry, "_NETWORKS", dict(registry._NETWORKS))
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    installed: list[str] = []

    def install(name: str, source: str = MODULE, *, entry_point: bool = True) -> Path:
        module = f"{name}_networks"
        (site / f"{module}.py").write_text(source.replace("{name}", name))
        if entry_point:
            info = site / f"{module}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[harmonize.networks]\n{name} = {module}\n")
        installed.append(module)
        importlib.invalidate_caches()
        return site

    yield install
    for module in installed:
        sys.modules.pop(module, None)


@pytest.fixture
def pairs(tiny: SimpleNamespace, tmp_path: Path) -> Path:
    root: Path = tiny.write_pairs(tmp_path / "tiny", train=4, test=2)
    return root


def toy_settings(name: str, **changes: object) -> TrainSettings:
    """Three short steps of a network that is not distilled."""
    start = TrainSettings(size=32, batch=2, steps=3, ema=0.0, rate=0.01).of_model(name)
    return TrainSettings.from_dict({**start.to_dict(), **changes})


def use(name: str, pairs: Path, out: Path) -> None:
    """Train, save, load, apply and evaluate a network by its name."""
    outcome, _ = train.train(toy_settings(name), DataPaths(data=(pairs,)), out, device="cpu", tensorboard=False)
    assert (outcome.complete, outcome.step) == (True, 3)

    loaded = checkpoint.load(out / "last.safetensors")
    assert loaded.settings.to_dict() == {"model": name, "width": 4}
    assert loaded.metadata["training"]["network"] == {"model": name, "width": 4}
    torch.manual_seed(0)  # the run's seed: these are the weights that it started from
    start = registry.build_network(loaded.settings)
    assert not torch.equal(loaded.net.state_dict()["first.weight"], start.state_dict()["first.weight"])

    picture = pixels.read_image(pairs / "composite_images" / "p_1_a_1.png")
    mask = pixels.read_mask(pairs / "masks" / "p_1_a.png")
    harmonized = harmonize_image(picture, mask, out / "last.safetensors", size=32, device="cpu")
    outside = mask == 0
    assert np.array_equal(harmonized[outside], picture[outside])
    assert not np.array_equal(harmonized[~outside], picture[~outside])

    method = methods.open_weights(out / "last.safetensors", "cpu")
    scores = evaluate.evaluate([pairs], method, scoring.Rules(protocols.find("issam")))["overall"]
    assert scores["harmonized"]["n"] == 2
    assert scores["harmonized"]["fmse"] != scores["composite"]["fmse"]


def test_a_network_registered_by_a_call_is_trained_saved_loaded_and_applied(
    plugin: Install, pairs: Path, tmp_path: Path
) -> None:
    plugin("caller", entry_point=False)
    with pytest.raises(SettingsError, match=r"^model 'caller' found, one of giftnet, issam, pih wanted$"):
        registry.find_network("caller")
    importlib.import_module("caller_networks")
    assert registry.list_networks() == ["giftnet", "issam", "pih", "caller"]
    use("caller", pairs, tmp_path / "run")


def test_a_network_of_an_entry_point_is_imported_when_it_is_asked_for(
    plugin: Install, pairs: Path, tmp_path: Path
) -> None:
    plugin("visitor")
    assert registry.list_networks() == ["giftnet", "issam", "pih", "visitor"]
    registry.find_network("giftnet")
    assert "visitor_networks" not in sys.modules
    use("visitor", pairs, tmp_path / "run")
    assert "visitor_networks" in sys.modules


def test_the_commands_train_apply_and_evaluate_a_network_of_an_entry_point(
    plugin: Install, pairs: Path, tmp_path: Path
) -> None:
    site, out = plugin("guest"), tmp_path / "run"
    here = Path(registry.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(here)])}

    def call(words: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "harmonize", *words.split()]
        return subprocess.run(arguments, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    plain = f"train --model guest --data {pairs} --size 32 --batch 2 --steps 3 --device cpu --no-tensorboard"
    trained = call(f"{plain} --set network.width=6 --out {out}")
    assert trained.returncode == 0, trained.stderr
    assert checkpoint.read_notes(out / "last.safetensors")[0].to_dict() == {"model": "guest", "width": 6}

    refused = call(f"{plain} --distill E --out {tmp_path / 'other'}")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "Error: model guest: has no maps to compare, wanted distillation none and no warm start"
    )

    picture = pairs / "composite_images" / "p_1_a_1.png"
    applied = call(
        f"apply {picture} {pairs / 'masks' / 'p_1_a.png'} -o {tmp_path / 'result.png'}"
        f" --weights {out / 'last.safetensors'} --size 32 --device cpu"
    )
    assert applied.returncode == 0, applied.stderr
    assert pixels.read_image(tmp_path / "result.png").shape == (40, 48, 3)

    scored = call(f"evaluate --data {pairs} --weights {out / 'last.safetensors'} --device cpu")
    assert scored.returncode == 0, scored.stderr
    assert "fMSE" in scored.stdout


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (BROKEN, "network broken: broken_networks cannot be imported (RuntimeError: no such thing)"),
        (SILENT, "network broken: broken_networks does not register it, wanted a call register_network"),
    ],
)
def test_a_broken_plug_in_is_one_clear_line(plugin: Install, source: str, line: str, tmp_path: Path) -> None:
    plugin("broken", source)
    assert registry.list_networks() == ["giftnet", "issam", "pih", "broken"]  # the others can still be used
    with pytest.raises(SettingsError) as refusal:
        registry.find_network("broken")
    assert str(refusal.value) == line
    net = registry.build_network(NetworkSettings(width=2, mlp_width=2))
    settings = SimpleNamespace(to_dict=lambda: {"model": "broken"})
    checkpoint.save_weights(tmp_path / "w.safetensors", net, settings)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"^.*w\.safetensors: settings cannot be read \(SettingsError: network brok"):
        checkpoint.load(tmp_path / "w.safetensors")


def test_a_broken_plug_in_leaves_the_settings_of_the_others(plugin: Install, caplog: pytest.LogCaptureFixture) -> None:
    plugin("broken", BROKEN)
    assert "network.mlp_width" in changes.list_names()
    assert "--model pih" in changes.to_table()
    assert "left out: network broken: broken_networks cannot be imported" in caplog.text


def test_a_name_that_exists_is_refused(plugin: Install) -> None:
    plugin("giftnet", entry_point=False)
    with pytest.raises(SettingsError, match=r"^network giftnet: registered already, wanted another name$"):
        importlib.import_module("giftnet_networks")
    assert registry.find_network("giftnet").default == NetworkSettings()


@pytest.mark.usefixtures("plugin")
def test_settings_of_another_name_or_kind_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"network other: NetworkSettings\(\)\.model is 'giftnet', 'other' wanted"):
        registry.register_network("other", settings=NetworkSettings, build=print)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="network other: settings <class 'dict'> found, a dataclass below Settings"):
        registry.register_network("other", settings=dict, build=print)  # type: ignore[type-var]
    with pytest.raises(SettingsError, match="a dataclass below Settings wanted"):
        registry.register_network("other", settings=NetworkSettings(), build=print)  # type: ignore[arg-type]
    incomplete = dataclasses.make_dataclass("Incomplete", [("width", int)], bases=(Settings,), frozen=True)
    with pytest.raises(SettingsError, match=r"network other: .*'width'; a default wanted for every field"):
        registry.register_network("other", settings=incomplete, build=print)  # type: ignore[arg-type]
    assert registry.list_networks() == ["giftnet", "issam", "pih"]


def test_a_builder_that_returns_no_network_is_refused(plugin: Install) -> None:
    plugin("plain", MODULE.replace("class Toy(Network)", "class Toy(nn.Module)"))
    with pytest.raises(SettingsError, match="network plain: its builder returned Toy, Network wanted"):
        registry.build_network(registry.find_network("plain").default)


def test_a_network_that_should_render_by_parameters_must_be_able_to(plugin: Install) -> None:
    plugin("curved", MODULE.replace("build=Toy", "build=Toy, parametric=True"))
    with pytest.raises(SettingsError, match="network curved: its builder returned Toy, ParametricNetwork wanted"):
        registry.build_network(registry.find_network("curved").default)


def test_a_network_without_a_teacher_is_trained_without_distillation_alone(plugin: Install) -> None:
    plugin("alone")
    assert toy_settings("alone").stages == ("harmonize",)
    line = "model alone: has no maps to compare, wanted distillation none and no warm start"
    with pytest.raises(SettingsError, match=f"^{line}$"):
        toy_settings("alone", distill=DistillSettings().to_dict())
    with pytest.raises(SettingsError, match=f"^{line}$"):
        toy_settings("alone", warm_start=True)


def test_the_table_says_what_each_network_of_the_package_is() -> None:
    rows = [registry.find_network(name) for name in ("giftnet", "issam", "pih")]
    assert [row.default for row in rows] == [NetworkSettings(), ISSAM, PihSettings()]
    assert [row.parametric for row in rows] == [False, False, True]
    assert [row.teacher is not None for row in rows] == [True, True, False]
    assert registry.teacher_settings(NetworkSettings(width=8)) == NetworkSettings(model="issam", gift=(), width=8)
    with pytest.raises(SettingsError, match="model pih: has no reconstruction branch"):
        registry.teacher_settings(PihSettings())


def test_a_plain_network_has_no_maps_and_a_parametric_one_must_predict() -> None:
    class Same(ParametricNetwork):
        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            return image

    image, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    assert Same().forward_features(image, mask) == Features(image, mask, (), ())
    with pytest.raises(NotImplementedError, match="Same does not define parameters_of"):
        Same().parameters_of(image, mask)


def test_maps_of_giftnet_are_those_after_gift() -> None:
    torch.manual_seed(0)
    net = registry.build_network(NetworkSettings(width=2, mlp_width=4)).eval()
    image, mask = torch.randn(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    for ours, theirs in zip(net.maps_of(image, mask, ("E",)), net.forward_features(image, mask).encoder, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("loss", ["l1", "foreground"])
def test_a_network_that_returns_one_channel_cannot_be_trained(loss: str) -> None:
    class Gray(Network):
        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            return image[:, :1]

    settings = TrainSettings.from_dict({"loss": loss, "distill": {"kind": "none", "sites": []}})
    picture, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    with pytest.raises(TrainingError, match=r"returned \(2, 1, 32, 32\), wanted pictures \(2, 3, 32, 32\)"):
        Objective(Gray(), None, settings, "harmonize")(picture, mask, picture)


WIDE = ({"width": 4097}, {"width": 10**18}, {"model": "pih", "width": 10**9}, {"mlp_width": 5000})


@pytest.mark.parametrize("values", WIDE)
def test_a_width_beyond_any_network_is_refused_by_name(values):
    with pytest.raises(SettingsError, match=r"width: \d+ found, .*of at least 1 and at most 4096 wanted"):
        registry.read_settings(values)
