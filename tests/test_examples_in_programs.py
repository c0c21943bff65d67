"""The examples for other programs: a ComfyUI node, a Gradio page, a page that runs the network in the browser.

Each gives what the library gives. Gradio and npm's onnxruntime-web are not installed for tests; where they are (the
latter below node_modules of the checkout, or of the folder that NODE_FOLDER names) the examples are run.
"""

import functools
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import harmonize

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def imported(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script, EXAMPLES / f"{script}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a composite (H, W, 3) with a reddish square, and its mask (H, W), both 8 bits."""
    y, x = np.mgrid[:height, :width]
    gray = 128 + 50 * np.sin(x / 19) * np.cos(y / 23)
    composite = np.rint(gray[..., None] * [0.7, 0.9, 1.1]).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 255
    composite[mask > 0] = np.rint(composite[mask > 0] * [1.3, 0.9, 0.6]).astype(np.uint8)
    return composite, mask


def test_the_comfyui_node_gives_what_the_library_gives_and_keeps_the_background_to_the_bit() -> None:
    module = imported("comfyui_node")
    node = module.NODE_CLASS_MAPPINGS["HarmonizeForeground"]
    assert set(node.INPUT_TYPES()["required"]) == {"image", "mask", "weights", "strength"}
    composite, mask = scene(96, 128)
    image = torch.from_numpy(composite).float()[None].repeat(2, 1, 1, 1) / 255
    image[:, :10] += 0.001  # no level of 8 bits
    inside = torch.from_numpy(mask).float()[None] / 255
    (result,) = getattr(node(), node.FUNCTION)(image, inside, "giftnet_w16", 1.0)
    assert (result.shape, result.dtype) == ((2, 96, 128, 3), torch.float32)
    assert torch.equal(result[:, mask == 0], image[:, mask == 0])
    wanted = harmonize.harmonize_image(composite, mask / np.float32(255), harmonize.load_network("giftnet_w16"))
    np.testing.assert_allclose(result[1].numpy()[mask > 0] * 255, wanted[mask > 0], atol=1e-3)
    assert np.abs(wanted[mask > 0] - composite[mask > 0].astype(float)).mean() > 3


def test_the_gradio_page_answers_its_client_as_the_library_does(tmp_path: Path) -> None:
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed")
    composite, mask = scene(96, 128)
    for name, picture in (("composite", composite), ("mask", mask)):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    code = (
        "import shutil, gradio_page; from gradio_client import Client, handle_file; page = gradio_page.build_page(); "
        "_, url, _ = page.launch(server_name='127.0.0.1', prevent_thread_lock=True, quiet=True); "
        "found = Client(url, verbose=False).predict(handle_file('composite.png'), handle_file('mask.png'), 1.0, "
        "api_name='/run'); "
        "shutil.copy(found if isinstance(found, str) else found['path'], 'result.png'); page.close()"
    )
    path = os.pathsep.join([str(EXAMPLES), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "GRADIO_ANALYTICS_ENABLED": "False"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = harmonize.harmonize_image(composite, mask / np.float32(255))
    found = np.asarray(Image.open(tmp_path / "result.png"), int)
    assert np.abs(found - wanted).max() <= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page, the network and onnxruntime-web."""
    folder = tmp_path_factory.mktemp("page")
    for place in (ROOT, Path(os.environ.get("NODE_FOLDER", ROOT))):
        if (place / "node_modules" / "onnxruntime-web").is_dir():
            (folder / "node_modules").symlink_to(place / "node_modules")
            break
    else:
        pytest.skip("npm's onnxruntime-web is not installed")
    shutil.copy(EXAMPLES / "browser_page.html", folder)
    command = [sys.executable, "-m", "harmonize", "export", "--onnx", "network.onnx"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/browser_page.html"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("size", [(256, 256), (384, 512)])
def test_the_page_in_a_browser_gives_what_onnxruntime_gives_in_python(
    folder: Path, address: str, browser: Any, size: tuple[int, int]
) -> None:
    composite, mask = scene(*size)
    browser.get(address)
    for name, picture in (("composite", composite), ("mask", mask)):
        Image.fromarray(picture).save(folder / f"{name}.png")
        browser.find_element("id", name).send_keys(str(folder / f"{name}.png"))
    state = "return document.getElementById('state').value"
    end = time.monotonic() + 60
    while (said := browser.execute_script(state)) == "Choose two pictures." and time.monotonic() < end:
        time.sleep(0.1)
    assert said == "Done."
    pixels = browser.execute_script(
        "const c = document.getElementById('result');"
        "return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    found = np.array(pixels).reshape(*size, 4)[..., :3]
    np.testing.assert_array_equal(found[mask == 0], composite[mask == 0])
    wanted = python_result(folder / "network.onnx", composite, mask)
    difference = np.abs(found - wanted)[mask > 0]
    assert difference.max() <= 1 if size == (256, 256) else difference.mean() < 1
    assert np.abs(wanted - composite)[mask > 0].mean() > 3


def python_result(network: Path, composite: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture in levels: onnxruntime's at 256x256, else the library's, which carries by another rule."""
    if composite.shape[:2] != (256, 256):
        levels = harmonize.harmonize_image(composite, mask / np.float32(255))
        return levels.astype(float)
    import onnxruntime

    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    picture, inside = composite.transpose(2, 0, 1)[None] / np.float32(255), mask[None, None] / np.float32(255)
    (found,) = session.run(None, {"composite": picture, "mask": inside})
    return np.rint(np.where(mask[..., None] > 0, found[0].transpose(1, 2, 0).clip(0, 1) * 255, composite))
