"""Networks as ONNX files: what they give, what is refused, and that applying them needs no torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ccharmony.errors import SettingsError, WeightsError
from ccharmony.images import pixels
from harmonize.exported import export, protobuf, session
from harmonize.exported.graph import PictureGraph, weights
from harmonize.inference.image import harmonize_image
from harmonize.models import registry
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.weights import checkpoint

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[3]
NETWORKS = {
    "giftnet": NetworkSettings(width=4, mlp_width=8),
    "issam": NetworkSettings(model="issam", gift=(), width=4),
    "pih": PihSettings(width=4, knots=8, side=64, shading_side=4),
}


@pytest.fixture(params=NETWORKS)
def saved(request, tmp_path):
    """A network of random weights, also where training starts from zeros, and its file."""
    torch.manual_seed(3)
    settings = NETWORKS[request.param]
    net = registry.build_network(settings).eval()
    for parameter in net.parameters():
        if parameter.numel() == 1 or parameter.std() == 0:
            torch.nn.init.normal_(parameter, 0.1, 0.2)
    checkpoint.save_weights(tmp_path / "net.safetensors", net, settings)
    return net, settings, tmp_path / "net.safetensors"


@pytest.mark.parametrize("shape", [(1, 96, 128), (2, 61, 75), (1, 200, 33)])
def test_a_file_gives_what_torch_gives_at_any_batch_and_size(saved, shape, tmp_path):
    net, settings, file = saved
    done = export.export_onnx(tmp_path / "net.onnx", file)
    assert (done.model, done.difference < 1e-5) == (settings.model, True)
    opened = session.open_session(tmp_path / "net.onnx")
    random = np.random.default_rng(1)
    composite = random.uniform(0, 1, (shape[0], 3, *shape[1:])).astype(np.float32)
    mask = random.uniform(0, 1, (shape[0], 1, *shape[1:])).astype(np.float32)
    with torch.inference_mode():
        image = normalize(torch.from_numpy(composite))
        if opened.parametric:
            wanted = net.parameters_of(image, torch.from_numpy(mask))
        else:
            wanted = [denormalize(net(image, torch.from_numpy(mask)))]
    for one, other in zip(opened.run(composite, mask), wanted, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-4)
        assert other.std() > 1e-3
    assert registry.read_settings(opened.settings) == settings


@pytest.mark.parametrize(("length", "cells"), [(250, 128), (128, 128), (131, 64)])
def test_the_weights_of_means_are_those_of_adaptive_pooling(length, cells):
    line = torch.rand(1, 1, length)
    found = weights(torch.tensor(length), cells, torch.tensor(True)) @ line[0, 0]
    torch.testing.assert_close(found, F.adaptive_avg_pool1d(line, cells)[0, 0])


@pytest.mark.parametrize(("length", "cells"), [(40, 128), (250, 128), (1, 64)])
def test_the_weights_of_interpolation_are_those_of_antialiased_linear_resizing(length, cells):
    line = torch.rand(1, 1, length, 1).expand(1, 1, length, cells).contiguous()
    wanted = F.interpolate(line, (cells, cells), mode="bilinear", align_corners=False, antialias=True)
    found = weights(torch.tensor(length), cells, torch.tensor(False)) @ line[0, 0]
    torch.testing.assert_close(found, wanted[0, 0])


def test_a_file_that_differs_from_torch_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(PictureGraph, "reference", lambda graph, composite, mask: (graph(composite, mask) + 0.01,))
    net = registry.build_network(NETWORKS["issam"]).eval()
    checkpoint.save_weights(tmp_path / "net.safetensors", net, NETWORKS["issam"])
    with pytest.raises(SettingsError, match=r"net\.safetensors: as ONNX it differs by 0\.01, at most 0\.0001 wanted$"):
        export.export_onnx(tmp_path / "net.onnx", tmp_path / "net.safetensors")
    assert not (tmp_path / "net.onnx").exists()


def test_a_network_that_onnx_cannot_hold_is_refused_in_one_line(tmp_path, monkeypatch):
    def fail(*_args, **_rest):
        raise RuntimeError("no operator for\nthis")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(SettingsError, match=r"^giftnet_w16: ONNX cannot hold this network \(no operator for\)$"):
        export.export_onnx(tmp_path / "net.onnx", "giftnet_w16")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x08\x12\x03abc"])
def test_other_files_are_refused_by_name(content, tmp_path):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.onnx: damaged or no ONNX file of harmonize export \(.+\)$"):
        session.open_session(tmp_path / "x.onnx")
    with pytest.raises(WeightsError, match=r"y\.onnx: cannot be read \(No such file or directory\)"):
        session.open_session(tmp_path / "y.onnx")


def test_one_flipped_bit_anywhere_is_refused(tmp_path):
    net = registry.build_network(NETWORKS["pih"]).eval()
    checkpoint.save_weights(tmp_path / "net.safetensors", net, NETWORKS["pih"])
    export.export_onnx(tmp_path / "net.onnx", tmp_path / "net.safetensors")
    whole = (tmp_path / "net.onnx").read_bytes()
    for place in (0, 50, len(whole) // 2, *range(len(whole) - 74, len(whole))):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / "x.onnx").write_bytes(changed)
        with pytest.raises(WeightsError, match=r"x\.onnx: damaged"):
            session.open_session(tmp_path / "x.onnx")


def test_a_graph_of_somebody_else_and_of_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "FORMAT", 2)
    net = registry.build_network(NETWORKS["issam"]).eval()
    checkpoint.save_weights(tmp_path / "net.safetensors", net, NETWORKS["issam"])
    export.export_onnx(tmp_path / "net.onnx", tmp_path / "net.safetensors")
    monkeypatch.setattr(session, "FORMAT", 1)
    named = (tmp_path / "net.onnx").read_bytes().replace(b"harmonize_format", b"h" * 16)
    (tmp_path / "foreign.onnx").write_bytes(protobuf.seal(named))
    for name in ("net", "foreign"):
        with pytest.raises(WeightsError, match=rf"{name}\.onnx: not of harmonize export \(format 1\), one wanted$"):
            session.open_session(tmp_path / f"{name}.onnx")


_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from harmonize.cli import main
sys.argv[0] = "harmonize"
main()
"""


@pytest.mark.parametrize("name", ["giftnet_w16", "pih"])
def test_apply_without_torch_gives_what_torch_gives(name, tiny, tmp_path):
    composite, mask = tiny.draw_photo(1, 200, 300), tiny.draw_mask(1, 200, 300)
    for folder, write, content in (("in", pixels.write_image, composite), ("masks", pixels.write_mask, mask)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "1.png", content)
    export.export_onnx(tmp_path / "net.onnx", name)
    expected = harmonize_image(composite, mask, name, device="cpu").astype(int)
    if name == "pih":
        files = ["in/1.png", "masks/1.png", "-o", "out/1.png", "--params", "p.json", "--plot", "p.png"]
    else:
        files = ["in", "masks", "-o", "out"]
    done = run("-c", _WITHOUT_TORCH, "apply", *files, "--weights", "net.onnx", "--runtime", "onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = pixels.read_image(tmp_path / "out/1.png").astype(int)
    assert np.abs(found - expected).max() <= 1
    assert np.abs(found - expected).mean() < 0.01
    assert np.abs(found - composite).max() > 3


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    call = [sys.executable, *words]
    return subprocess.run(call, capture_output=True, text=True, check=False, cwd=cwd, timeout=300, env=environment)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runtime", "onnx"], "--runtime onnx: wanted --weights FILE.onnx, which harmonize export --onnx writes"),
        (["--runtime", "torch", "--weights", "x.onnx"], "--runtime torch: x.onnx is for onnx"),
    ],
)
def test_a_runtime_that_does_not_go_with_the_weights_is_refused(words, message, tmp_path):
    for name in ("a.png", "m.png"):
        pixels.write_image(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
    done = run("-m", "harmonize", "apply", "a.png", "m.png", "-o", "o.png", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def write_graph(path: Path, nodes: list, *, settings: str = "{}", **constants: np.ndarray) -> Path:
    """A file that says it is of harmonize export."""
    onnx = pytest.importorskip("onnx")
    tensor, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    given = [tensor(name, number, [None, channels, None, None]) for name, channels in (("composite", 3), ("mask", 1))]
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        given,
        [tensor("harmonized", number, [None, 3, None, None])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {"harmonize_format": "1", "settings": settings})
    path.write_bytes(protobuf.seal(model.SerializeToString()))
    return path


def run_graph(path: Path) -> None:
    session.open_session(path).run(np.ones((1, 3, 8, 8), np.float32), np.ones((1, 1, 8, 8), np.float32))


def test_a_graph_that_asks_for_more_memory_than_there_is_is_refused(tmp_path, capfd):
    node = pytest.importorskip("onnx").helper.make_node
    nodes = [
        node("ReduceMean", ["mask"], ["mean"]),
        node("Expand", ["mean", "shape"], ["large"]),
        node("ReduceMean", ["large"], ["again"], keepdims=0),
        node("Add", ["composite", "again"], ["harmonized"]),
    ]
    path = write_graph(tmp_path / "large.onnx", nodes, shape=np.array([1, 3, 10**6, 10**6]))
    with pytest.raises(WeightsError, match=r"large.onnx: onnxruntime cannot run it"):
        run_graph(path)
    assert capfd.readouterr().err == ""


def test_a_loop_without_end_is_ended(tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    kinds = {"turn": onnx.TensorProto.INT64, "go": onnx.TensorProto.BOOL, "value": onnx.TensorProto.FLOAT}
    body = onnx.helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Mul", ["value", "value"], ["next"])],
        "body",
        [tensor(name, kind, [] if name != "value" else None) for name, kind in kinds.items()],
        [tensor("on", kinds["go"], []), tensor("next", kinds["value"], None)],
    )
    loop = node("Loop", ["turns", "true", "composite"], ["harmonized"], body=body)
    path = write_graph(tmp_path / "loop.onnx", [loop], turns=np.array(2**62), true=np.array(True))
    monkeypatch.setattr(session, "MOST_SECONDS", 0.3)
    with pytest.raises(WeightsError, match=r"loop.onnx: onnxruntime cannot run it \(ended after 0.3 s\)"):
        run_graph(path)


def test_settings_that_are_a_list_are_refused(tmp_path):
    same = pytest.importorskip("onnx").helper.make_node("Identity", ["composite"], ["harmonized"])
    with pytest.raises(WeightsError, match="no JSON object"):
        run_graph(write_graph(tmp_path / "list.onnx", [same], settings="[1]"))


def test_an_operator_whose_name_is_no_text_is_refused_and_nothing_is_printed(tmp_path, capfd):
    # onnxruntime's message holds the name, which Python cannot decode; its fallback says so on stdout (found by fuzz).
    nodes = [pytest.importorskip("onnx").helper.make_node("Nopes", ["composite"], ["harmonized"])]
    path = write_graph(tmp_path / "name.onnx", nodes)
    path.write_bytes(protobuf.seal(path.read_bytes().replace(b"Nopes", b"No\xffes")))
    with pytest.raises(WeightsError, match=r"name\.onnx: damaged or no ONNX file \("):
        session.open_session(path)
    assert capfd.readouterr().out == ""
