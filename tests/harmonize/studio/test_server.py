"""The page's server as browsers and others meet it."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from ccharmony.arrays import Float32, UInt8
from ccharmony.images import pixels
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.tags import Tags
from ccharmony.images.write_picture import encode_picture
from harmonize.inference import adjustment
from harmonize.inference.image import harmonize_image
from harmonize.studio import sessions, uploads
from harmonize.studio.serve import list_choices
from harmonize.studio.server import make_app

PIH = {"weights": "pih"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """The application on a loopback address; `client.token` is that of a session."""
    with TestClient(make_app(tmp_path, list_choices(), "127.0.0.1", "key"), base_url="http://127.0.0.1") as made:
        made.token = made.post("/sessions", json={}).json()["session"]
        yield made


def send(client: TestClient, role: str, content: bytes | Path, name: str = "picture.png") -> Any:
    if isinstance(content, Path):
        content, name = content.read_bytes(), content.name
    return client.put(f"/sessions/{client.token}/files/{role}", content=content, headers={"X-File-Name": name})


def copy(client: TestClient, name: str, **query: Any) -> UInt8:
    answer = client.get(f"/sessions/{client.token}/pixels/{name}", params=query)
    assert answer.status_code == 200, answer.text
    shape = int(answer.headers["X-Height"]), int(answer.headers["X-Width"])
    return np.frombuffer(answer.content, np.uint8).reshape(*shape, *(() if name == "mask" else (4,)))


def download(client: TestClient, kind: str, **look: Any) -> Any:
    return client.post(f"/sessions/{client.token}/downloads/{kind}", json=look)


def decode(content: bytes) -> UInt8:
    class Sent:
        name = "sent"

        def read_bytes(self) -> bytes:
            return content

    return pixels.read_image(Sent())


@pytest.fixture
def loaded(client: TestClient, pictures: Path) -> TestClient:
    for name in ("composite.png", "mask.png"):
        assert send(client, "auto", pictures / name).status_code == 200
    return client


def test_dropped_files_are_known_by_their_content(client: TestClient, pictures: Path) -> None:
    assert send(client, "auto", (pictures / "mask.png").read_bytes(), "a.png").json()["names"] == {"mask": "a.png"}
    found = send(client, "auto", (pictures / "composite.png").read_bytes(), "b.png").json()
    assert found["names"] == {"photo": "b.png", "mask": "a.png"}
    assert (found["ready"], found["photo"]) == (True, {"width": 160, "height": 120})
    found = send(client, "auto", pictures / "cutout.png").json()
    assert found["names"] == {"photo": "b.png", "cutout": "cutout.png"}
    assert found["cutout"] == {"width": 71, "height": 71}  # without its transparent border
    assert found["placement"] == {"x": 50, "y": 30, "scale": pytest.approx(60 / 71)}


def test_the_result_is_that_of_apply(loaded: TestClient, composite: UInt8, mask: Float32) -> None:
    answer = download(loaded, "result", weights="giftnet_w16", strength=0.5)
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''composite_harmonized.png"
    levels = np.rint(255 * mask) / np.float32(255)
    result = decode(answer.content)
    np.testing.assert_array_equal(result, harmonize_image(composite, levels, "giftnet_w16", strength=0.5))
    np.testing.assert_array_equal(result[mask == 0], composite[mask == 0])


def test_the_result_has_the_depth_and_the_tags_of_the_photo(
    client: TestClient, composite: UInt8, mask: Float32, tmp_path: Path
) -> None:
    deep = composite.astype(np.uint16) * 257 + np.arange(160, dtype=np.uint16)[:, None] % 2
    sent = Picture(deep, tags=Tags(dpi=(300.0, 300.0)))
    send(client, "photo", encode_picture(sent, ".tif"), "deep.tif")
    send(client, "mask", pixels.encode_mask(mask))
    answer = download(client, "result", weights="giftnet_w16")
    assert "deep_harmonized.tif" in answer.headers["Content-Disposition"]
    (tmp_path / "result.tif").write_bytes(answer.content)
    found = read_picture(tmp_path / "result.tif")
    assert (found.colors.dtype, found.tags.dpi) == (np.uint16, (300.0, 300.0))
    np.testing.assert_array_equal(found.colors[mask == 0], deep[mask == 0])
    assert (found.colors[mask == 1] != deep[mask == 1]).mean() > 0.9


def test_small_copies_are_the_pictures_where_these_are_small(
    loaded: TestClient, composite: UInt8, mask: Float32
) -> None:
    np.testing.assert_array_equal(copy(loaded, "composite")[..., :3], composite)
    np.testing.assert_array_equal(copy(loaded, "mask"), np.rint(255 * mask))
    changed = copy(loaded, "changed", weights="giftnet_w16").astype(np.int16)
    whole = harmonize_image(composite, np.rint(255 * mask) / np.float32(255), "giftnet_w16")
    assert np.array_equal(changed[mask == 1, :3], whole[mask == 1])
    assert (changed[..., 3] == 255).all()


def test_a_large_picture_has_a_small_copy_of_its_shape(client: TestClient, composite: UInt8) -> None:
    large = np.repeat(np.repeat(composite, 16, axis=0), 16, axis=1)  # 4.9 megapixels
    send(client, "photo", pixels.encode(large, ".jpg"), "large.jpg")
    assert copy(client, "photo").shape == (1060, 1414, 4)


def test_curves_that_were_turned_come_back_as_result_and_json(
    loaded: TestClient, composite: UInt8, mask: Float32, tmp_path: Path
) -> None:
    found = loaded.get(f"/sessions/{loaded.token}/change", params=PIH).json()
    assert (found.pop("error"), found.pop("change") > 5) == (0, True)
    found["curves"][0] = [height + 0.1 for height in found["curves"][0]]
    text = download(loaded, "json", **PIH, **found)
    (tmp_path / "p.json").write_bytes(text.content)
    turned = adjustment.read_json(tmp_path / "p.json")
    np.testing.assert_allclose(turned.curves, found["curves"], atol=1e-5)
    wanted = adjustment.apply(turned, composite, np.rint(255 * mask) / np.float32(255)).astype(np.int16)
    result = decode(download(loaded, "result", **PIH, **found).content).astype(np.int16)
    assert np.abs(result - wanted).max() <= 1
    cube = download(loaded, "cube", **PIH, **found).text
    assert cube.startswith('TITLE "composite"\n')
    assert "LUT_3D_SIZE 33" in cube


def test_curves_of_any_weights_are_turned_and_the_picture_keeps_what_they_miss(
    loaded: TestClient, mask: Float32
) -> None:
    weights = {"weights": "giftnet_w16"}
    plain = decode(download(loaded, "result", **weights).content).astype(np.int16)
    found = loaded.get(f"/sessions/{loaded.token}/change", params=weights).json()
    assert 0.2 < found.pop("error") < 0.2 * found.pop("change")
    same = decode(download(loaded, "result", **weights, **found).content)
    np.testing.assert_array_equal(same, plain)
    found["curves"][2] = [height + 20 / 255 for height in found["curves"][2]]
    found["log_gain"] = np.zeros_like(found["log_gain"]).tolist()
    flat = decode(download(loaded, "result", **weights, **found).content).astype(np.int16)
    found["curves"][2] = [height + 20 / 255 for height in found["curves"][2]]
    bluer = decode(download(loaded, "result", **weights, **found).content).astype(np.int16)
    inside = (mask == 1) & (bluer[..., 2] < 255) & (flat[..., 2] > 0)
    assert np.abs((bluer - flat)[inside] - [0, 0, 20]).max() <= 1
    assert json.loads(download(loaded, "json", **weights).content)["format"] == "harmonize adjustment 1"


def test_the_edge_of_the_mask_moves_by_pixels(loaded: TestClient) -> None:
    radius = lambda levels: np.sqrt((levels / 255.0).sum() / np.pi)  # noqa: E731
    plain, wide, narrow = (radius(copy(loaded, "mask", shift=shift)) for shift in (0, 4, -4))
    assert wide - plain == pytest.approx(4, abs=0.3)
    assert plain - narrow == pytest.approx(4, abs=0.3)
    soft = copy(loaded, "mask", feather=12)
    assert radius(soft) == pytest.approx(plain, abs=0.1)
    assert ((soft > 25) & (soft < 230)).sum() > 1500
    whole = decode(download(loaded, "result", weights="giftnet_w16", shift=4).content)
    changed = np.abs(whole.astype(np.int16) - copy(loaded, "composite")[..., :3]).max(axis=2) > 0
    assert not changed[copy(loaded, "mask", shift=4) == 0].any()
    assert changed.sum() > (copy(loaded, "mask") > 0).sum()


def test_a_cutout_is_moved_and_scaled(client: TestClient, pictures: Path) -> None:
    for name in ("background.jpg", "cutout.png"):
        assert send(client, "auto", pictures / name).status_code == 200
    found = client.put(f"/sessions/{client.token}/placement", json={"x": 10, "y": 20, "scale": 0.5}).json()
    assert found["placement"] == {"x": 10, "y": 20, "scale": 0.5}
    rows, columns = (np.flatnonzero((copy(client, "mask") > 0).any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (20, 55, 10, 45)
    answer = download(client, "result", weights="giftnet_w16")
    assert "background_harmonized.jpg" in answer.headers["Content-Disposition"]
    for placement, why in (
        ({"x": 900}, "no part of the foreground"),
        ({"scale": 1000}, "the limit is 100000000"),
        ({"x": "1"}, "an integer"),
        ([], "settings by name wanted"),
        ({"z": 1}, "unknown z"),
    ):
        answer = client.put(f"/sessions/{client.token}/placement", json=placement)
        assert (answer.status_code, why in answer.text) == (422, True), answer.text


def test_a_mask_is_found_in_a_box(client: TestClient, pictures: Path, mask: Float32) -> None:
    send(client, "photo", pictures / "composite.png")
    stroke = {"kind": "in", "radius": 0.02, "points": [[0.5, 0.4], [0.5, 0.6]]}
    marks = {"box": [0.2, 0.1, 0.8, 0.9], "strokes": [stroke]}
    answer = client.post(f"/sessions/{client.token}/cut", json=marks)
    assert answer.status_code == 200, answer.text
    found = copy(client, "mask") > 127
    assert (found & (mask > 0.5)).sum() / (found | (mask > 0.5)).sum() > 0.95
    for wrong in ({"box": [0, 0, 1]}, {"box": [0.5, 0, 0.5, 1]}, {"strokes": 3}, {"strokes": [{"kind": "x"}]}, {}):
        assert client.post(f"/sessions/{client.token}/cut", json=wrong).status_code == 422


def test_a_mask_that_cannot_be_read_is_refused_before_there_is_a_photo(client: TestClient) -> None:
    cut = pixels.encode(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8), ".jpg")[:900]
    answer = send(client, "mask", cut, "mask.jpg")
    assert (answer.status_code, "mask.jpg: truncated JPEG" in answer.text) == (422, True)
    assert client.get(f"/sessions/{client.token}").json()["names"] == {}


def test_of_a_large_picture_a_sample_says_what_it_is(client: TestClient, mask: Float32) -> None:
    levels = np.kron(mask > 0.5, np.ones((16, 16), bool))
    assert send(client, "auto", pixels.encode_mask(levels), "large.png").json()["names"] == {"mask": "large.png"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 bytes"),
        (b"no picture", "not a picture that can be read"),
        (pixels.encode(np.zeros((40, 40, 3), np.uint8), ".png")[:-30], "truncated PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture that can be read"),
    ],
)
def test_what_is_no_picture_is_refused(client: TestClient, tmp_path: Path, content: bytes, why: str) -> None:
    answer = send(client, "auto", content, "../../x\n.png")
    assert (answer.status_code, answer.text.count("\n"), why in answer.text) == (422, 0, True), answer.text
    assert answer.text.startswith("../../x\\n.png: ")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_large_files_and_pictures_are_refused(
    client: TestClient, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_PIXELS", 19_000)
    assert "160x120 pixels, the limit is 19000" in send(client, "photo", pictures / "composite.png").text
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    assert send(client, "photo", b"x" * 1001).status_code == 413
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_mask_that_does_not_fit_is_refused_and_nothing_changes(loaded: TestClient) -> None:
    before = loaded.get(f"/sessions/{loaded.token}").json()
    answer = send(loaded, "mask", pixels.encode_mask(np.eye(50, dtype=bool)), "other.png")
    assert "mask of 50x50, its photo is 160x120" in answer.text
    assert loaded.get(f"/sessions/{loaded.token}").json() == before
    assert (
        send(loaded, "mask", pixels.encode_mask(np.zeros((120, 160), bool))).json()["remark"].startswith("nothing is")
    )
    assert "black everywhere" in loaded.get(f"/sessions/{loaded.token}/change", params=PIH).text


def test_other_sites_other_files_and_other_weights_are_refused(loaded: TestClient, pictures: Path) -> None:
    here = f"/sessions/{loaded.token}"
    elsewhere = {"Origin": "http://elsewhere.example"}
    assert loaded.post("/sessions", json={}, headers=elsewhere).status_code == 403
    assert loaded.put(f"{here}/files/photo", content=b"x", headers=elsewhere).status_code == 403
    assert loaded.delete(f"{here}/files/photo", headers={"Origin": "null"}).status_code == 403
    assert loaded.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    for path in (
        "/page/../server.py",
        "/page/%2e%2e/server.py",
        f"{here}/pixels/..%2fphoto",
        f"{here}/pixels/other",
        "/sessions/other",
        "/sessions/other/pixels/photo",
        f"{here}/change?weights=/etc/passwd",
    ):
        assert loaded.get(path).status_code == 404, path
    assert download(loaded, "result", weights="/etc/passwd").status_code == 404
    assert download(loaded, "other", weights="pih").status_code == 404
    assert send(loaded, "other", pictures / "mask.png").status_code == 404
    assert "default-src 'none'" in loaded.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "look",
    [
        {"weights": "pih", "strength": 2},
        {"weights": "pih", "shift": 1e9},
        {"weights": "pih", "curves": [[0, 1], [0, 1]], "log_gain": [[0]]},
        {"weights": "pih", "curves": [[0, 1], [0, 1], [0, 1, 2]], "log_gain": [[0]]},
        {"weights": "pih", "curves": [[0, 99], [0, 1], [0, 1]], "log_gain": [[0]]},
        {"weights": "pih", "curves": [[0, 1], [0, 1], [0, 1]]},
        {"weights": "pih", "curves": "x"},
        {"weights": "pih", "size": 1},
    ],
)
def test_a_look_that_makes_no_sense_is_refused(loaded: TestClient, look: dict[str, Any]) -> None:
    answer = download(loaded, "result", **look)
    assert (answer.status_code, answer.text.count("\n")) == (422, 0), answer.text


def test_json_that_is_none_is_refused(loaded: TestClient) -> None:
    for body in (b"{", b"[" * 9000, b'{"strength": NaN}', b"x" * 3_000_000):
        answer = loaded.post(f"/sessions/{loaded.token}/downloads/result", content=body)
        assert answer.status_code in (400, 413)


def test_the_oldest_of_nine_sessions_ends_with_its_files(loaded: TestClient, tmp_path: Path) -> None:
    others = [loaded.post("/sessions", json={}).json()["session"] for _ in range(sessions.MOST_SESSIONS)]
    answer = loaded.get(f"/sessions/{loaded.token}")
    assert (answer.status_code, "has ended" in answer.text) == (404, True)
    assert len(list(tmp_path.iterdir())) == sessions.MOST_SESSIONS
    assert loaded.get(f"/sessions/{others[0]}").status_code == 200
    assert loaded.post("/sessions", json={"session": others[0]}).json()["session"] == others[0]
    assert loaded.post("/sessions", json={"session": "other"}).json()["session"] not in ("other", *others)


def test_a_session_whose_pictures_left_the_memory_reads_them_again(loaded: TestClient, composite: UInt8) -> None:
    first = loaded.token
    for _ in range(sessions.AWAKE + 1):
        other = loaded.post("/sessions", json={}).json()["session"]
        loaded.get(f"/sessions/{other}")
    assert loaded.token == first
    np.testing.assert_array_equal(copy(loaded, "composite")[..., :3], composite)


def test_what_was_sent_goes_when_the_server_ends(serve: Callable[..., Any], tmp_path: Path, pictures: Path) -> None:
    process, link = serve(TMPDIR=str(tmp_path))
    begin = urllib.request.Request(f"{link}sessions", b"{}", method="POST")
    token = json.load(urllib.request.urlopen(begin))["session"]
    body = (pictures / "composite.png").read_bytes()
    urllib.request.urlopen(urllib.request.Request(f"{link}sessions/{token}/files/photo", body, method="PUT"))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_page_asks_for_its_key_where_other_machines_reach_it(tmp_path: Path) -> None:
    app = make_app(tmp_path, list_choices(), "0.0.0.0", "secret")
    with TestClient(app, base_url="http://here.example") as client:
        assert client.get("/").status_code == client.post("/sessions?key=other", json={}).status_code == 403
        assert client.get("/?key=secret").status_code == 200
        assert client.post("/sessions?key=secret", json={}).status_code == 200
