"""Bundled weights run by OpenCV: they give what torch gives, without torch, and only where that is quicker."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ccharmony.errors import WeightsError
from ccharmony.images import pixels
from harmonize import processors
from harmonize.exported import opencv, protobuf
from harmonize.inference import network, onnx_network, runtimes
from harmonize.inference.image import harmonize_image
from harmonize.weights import bundled

ROOT = Path(__file__).resolve().parents[3]
NAMES = [name for name in bundled.list_weights() if bundled.read_notes(name)[0]["model"] != "pih"]


def draw(count: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noise, (B, H, W, 3), in levels, and masks with soft edges."""
    random = np.random.default_rng(width)
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    mask = np.clip(2 - 3 * np.hypot(rows, columns), 0, 1).astype(np.float32)
    return random.uniform(0, 255, (count, height, width, 3)).astype(np.float32), np.stack([mask] * count)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 256, 256), (2, 90, 70), (1, 33, 128)])
def test_opencv_gives_what_torch_gives_at_any_batch_and_size(name, shape):
    opened = onnx_network.load_bundled(name)
    assert opened is not None, "no graph for these settings; python -m benchmarks.graphs writes it"
    composites, masks = draw(*shape)
    wanted = network.infer(network.load_network(name, "cpu"), composites, masks)
    found = opened.infer(composites, masks)
    np.testing.assert_allclose(found, wanted, atol=0.0255)  # 1e-4 of the whole range
    assert np.abs(found - composites).max() > 10


def test_threads_may_share_opened_weights():
    opened = onnx_network.load_bundled(NAMES[0])
    inputs = [draw(1, 64, 32 * side) for side in range(1, 9)]
    wanted = [opened.infer(*pair) for pair in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: opened.infer(*pair), inputs))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_network_of_curves_is_left_to_torch(monkeypatch):
    monkeypatch.setattr(processors, "may_have_gpu", lambda: False)
    assert opencv.open_bundled("pih") is None
    assert runtimes.choose("pih", "auto", 256, 1) == "pih"


@pytest.mark.parametrize(
    ("device", "gpu", "size", "pictures", "by_opencv"),
    [
        ("auto", False, 256, 1, True),
        ("auto", False, 256, 24, True),
        ("auto", False, 256, 25, False),
        ("auto", False, 512, 6, True),
        ("auto", False, 512, 7, False),
        ("auto", False, 1024, 1, False),
        ("auto", False, "full", 1, False),
        ("auto", True, 256, 1, False),
        ("cpu", True, 256, 1, True),
        ("cuda", True, 256, 1, False),
    ],
)
def test_opencv_is_chosen_for_few_small_pictures_on_a_cpu(monkeypatch, device, gpu, size, pictures, by_opencv):
    monkeypatch.setattr(processors, "may_have_gpu", lambda: gpu)
    found = runtimes.choose(NAMES[0], device, size, pictures)
    assert (found != NAMES[0]) == by_opencv
    assert runtimes.name_of(found) == NAMES[0]


def test_files_and_networks_stay_what_they_are(tmp_path):
    for net in (str(tmp_path / "mine.safetensors"), None, torch.nn.Identity()):
        assert runtimes.choose(net, "cpu", 256, 1) is net


def test_a_gpu_may_be_there_where_its_driver_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(processors, "_DRIVERS", (tmp_path / "kfd",))
    assert not processors.may_have_gpu()
    (tmp_path / "kfd").touch()
    assert processors.may_have_gpu()
    monkeypatch.setattr(processors, "_DRIVERS", ())
    monkeypatch.setattr(sys, "platform", "darwin")
    assert processors.may_have_gpu()


def test_weights_that_are_altered_are_refused(tmp_path, monkeypatch):
    for path in bundled.WEIGHTS.glob("*[!.md]"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    path = tmp_path / f"{NAMES[0]}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match="altered or cut off"):
        opencv.open_bundled(NAMES[0])


def test_what_is_appended_is_what_the_library_onnx_reads():
    onnx = pytest.importorskip("onnx")
    arrays = {"a.b": np.arange(600, dtype=np.float32).reshape(2, 300), "none": np.zeros((0, 3), np.float32)}
    arrays["scalar"] = np.array(1.5, np.float32)
    first = onnx.helper.make_model(onnx.helper.make_graph([], "graph", [], []))
    data = first.SerializeToString() + protobuf.initializers(arrays) + protobuf.metadata({"key": "v" * 200})
    model = onnx.load_from_string(data)
    assert model.graph.name == "graph"
    assert {note.key: note.value for note in model.metadata_props} == {"key": "v" * 200}
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


def test_the_graphs_of_the_package_are_those_of_the_bundled_networks(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    from benchmarks import graphs

    graphs.main(["--out", str(tmp_path)], standalone_mode=False)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in opencv.GRAPHS.glob("*.onnx")}
    composite, mask = draw(1, 64, 96)
    wanted = onnx_network.load_bundled(NAMES[0]).infer(composite, mask)
    monkeypatch.setattr(opencv, "GRAPHS", tmp_path)
    np.testing.assert_allclose(onnx_network.load_bundled(NAMES[0]).infer(composite, mask), wanted, atol=1e-3)


_WITHOUT = """
import sys
sys.modules["torch"] = sys.modules["onnxruntime"] = None
from harmonize.cli import main
sys.argv[0] = "harmonize"
main()
"""


def test_apply_by_default_needs_no_torch_for_one_picture(tiny, tmp_path):
    composite, mask = tiny.draw_photo(1, 200, 300), tiny.draw_mask(1, 200, 300)
    pixels.write_image(tmp_path / "c.png", composite)
    pixels.write_mask(tmp_path / "m.png", mask)
    words = ["apply", "c.png", "m.png", "-o", "out.png", "--device", "cpu", "--params", "p.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "on cpu, by OpenCV" in done.stderr
    assert '"weights": "giftnet' in (tmp_path / "p.json").read_text().replace("\n", "")
    plain = subprocess.run(
        [sys.executable, "-c", _WITHOUT, *words[:-2], "--force"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert plain.returncode == 0, plain.stderr
    found = pixels.read_image(tmp_path / "out.png").astype(int)
    assert np.abs(found - harmonize_image(composite, mask, device="cpu").astype(int)).max() <= 1
    assert np.abs(found - composite).max() > 3
