import argparse
import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ccharmony.errors import OutputError, WeightsError
from harmonize.models import giftnet, registry
from harmonize.models.pih import network
from harmonize.models.settings import ISSAM, NetworkSettings, PihSettings
from harmonize.models.unet import UNet
from harmonize.weights import bundled, checkpoint, foreign

SMALL = NetworkSettings(width=4, mlp_width=8, guidance="self", epsilon=1e-6)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def net():
    return giftnet.build(SMALL)


@pytest.fixture
def saved(tmp_path, net):
    path = tmp_path / "net.safetensors"
    checkpoint.save_weights(path, net, SMALL, metadata={"steps": 300, "data": ["HCOCO"]})
    return path


@pytest.fixture(scope="module")
def issam_weights():
    torch.manual_seed(1)
    return UNet(ISSAM).state_dict()


@pytest.fixture
def shelf(tmp_path, monkeypatch, saved):
    """A folder of bundled weights with one network and its checksum."""
    folder = tmp_path / "weights"
    folder.mkdir()
    saved.rename(folder / "small.safetensors")
    digest = hashlib.sha256((folder / "small.safetensors").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  small.safetensors\n")
    monkeypatch.setattr(bundled, "WEIGHTS", folder)
    return folder


def rewrite(path, change, metadata=None):
    """Save the tensors of `path` again after `change`, with its metadata updated by `metadata`."""
    with checkpoint.safe_open(path, framework="pt") as file:
        notes = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {**notes, **(metadata or {})})


def test_weights_settings_and_metadata_come_back(saved, net):
    loaded = checkpoint.load_weights(saved)
    assert loaded.settings == SMALL
    assert loaded.metadata == {"steps": 300, "data": ["HCOCO"]}
    assert not loaded.net.training
    theirs = loaded.net.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in net.state_dict().items())


def test_channels_last_weights_are_saved_like_any_other(tmp_path, net):
    path = tmp_path / "net.safetensors"
    checkpoint.save_weights(path, net.to(memory_format=torch.channels_last), SMALL)
    image, mask = torch.randn(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(checkpoint.load_weights(path).net(image, mask), net.eval()(image, mask), atol=1e-5)


def test_wrappers_of_compile_and_distributed_training_leave_no_trace(tmp_path, net):
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    path = tmp_path / "net.safetensors"
    checkpoint.save_weights(path, Wrapper(torch.compile(net, backend="eager")), SMALL)
    assert checkpoint.load_weights(path).settings == SMALL


def test_half_precision_weights_load_into_float32(tmp_path, net):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    checkpoint.save_weights(whole, net, SMALL)
    checkpoint.save_weights(half, net, SMALL, half=True)
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    state = checkpoint.load_weights(half).net.state_dict()
    for name, value in net.state_dict().items():
        assert state[name].dtype == value.dtype
        assert torch.allclose(state[name].double(), value.double(), rtol=1e-3, atol=1e-6)


def test_saving_leaves_no_temporary_file(saved):
    assert [path.name for path in saved.parent.iterdir()] == ["net.safetensors"]


def test_saving_into_a_missing_folder_says_so(tmp_path, net):
    with pytest.raises(OutputError, match="cannot be written"):
        checkpoint.save_weights(tmp_path / "nowhere" / "net.safetensors", net, SMALL)


def test_a_partial_checkpoint_is_refused_with_the_missing_names(saved):
    rewrite(saved, lambda tensors: tensors.pop("decoder.to_rgb.bias"))
    with pytest.raises(WeightsError, match=r"net\.safetensors: another network; missing decoder\.to_rgb\.bias; unexp"):
        checkpoint.load_weights(saved)


def test_unexpected_tensors_are_refused_by_name(saved):
    rewrite(saved, lambda tensors: tensors.update({"decoder.extra": torch.zeros(1)}))
    with pytest.raises(WeightsError, match=r"missing nothing; unexpected decoder\.extra$"):
        checkpoint.load_weights(saved)


def test_a_tensor_of_another_shape_is_refused(saved):
    rewrite(saved, lambda tensors: tensors.update({"decoder.to_rgb.bias": torch.zeros(4)}))
    with pytest.raises(WeightsError, match=r"decoder\.to_rgb\.bias: shape \(4,\) found, \(3,\) wanted"):
        checkpoint.load_weights(saved)


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.complex64, torch.uint16])
def test_weights_of_another_kind_of_number_are_refused(tmp_path, net, kind):
    tensors = {name: value.to(kind) for name, value in net.state_dict().items()}
    path = tmp_path / "w.safetensors"
    save_file(tensors, path, {"format": "1", "settings": json.dumps(SMALL.to_dict())})
    with pytest.raises(WeightsError, match=rf"{kind} found, torch\.float32 wanted"):
        checkpoint.load(path)


def test_weights_of_eight_bits_are_read_as_what_they_are(tmp_path, net):
    tensors = {
        name: value.to(torch.float8_e4m3fn) if value.is_floating_point() else value
        for name, value in net.state_dict().items()
    }
    path = tmp_path / "w.safetensors"
    notes = {"format": "1", "settings": json.dumps(SMALL.to_dict())}
    save_file(tensors, path, notes)
    loaded = checkpoint.load_weights(path).net.state_dict()
    assert all(torch.equal(loaded[name], value.to(loaded[name].dtype)) for name, value in tensors.items())
    first = next(name for name, value in tensors.items() if value.dtype == torch.float8_e4m3fn)
    save_file({**tensors, first: torch.full_like(loaded[first], float("nan")).to(torch.float8_e4m3fn)}, path, notes)
    with pytest.raises(WeightsError, match="NaN or infinity found"):
        checkpoint.load_weights(path)


def test_weights_that_are_not_numbers_are_refused(saved):
    rewrite(saved, lambda tensors: tensors["decoder.to_rgb.bias"].fill_(float("nan")))
    with pytest.raises(WeightsError, match=r"decoder\.to_rgb\.bias: NaN or infinity found"):
        checkpoint.load_weights(saved)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"format": "2"}, "format 2 found, at most 1 can be read"),
        ({"format": "one"}, "no settings inside"),
        ({"settings": "{"}, "settings cannot be read"),
        ({"settings": "[]"}, "settings cannot be read"),
        ({"settings": json.dumps({"model": "dovenet"})}, "model 'dovenet' found, one of giftnet, issam"),
        ({"settings": json.dumps({"model": "giftnet", "depth": 4})}, "unknown depth"),
        ({"settings": json.dumps({"model": "giftnet", "width": -1})}, "width: -1 found"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(saved, notes, message):
    rewrite(saved, lambda _: None, notes)
    with pytest.raises(WeightsError, match=message):
        checkpoint.load_weights(saved)


def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="no settings inside, weights saved by harmonize wanted"):
        checkpoint.load_weights(path)


@pytest.mark.parametrize("kept", [0, 4, 100, -10])
def test_a_file_cut_off_anywhere_is_refused(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        checkpoint.load_weights(saved)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.safetensors: no such file"):
        checkpoint.load_weights(tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match=r"gone\.pth: no such file"):
        checkpoint.load_foreign(tmp_path / "gone.pth")


def test_a_released_issam_checkpoint_loads_by_name(tmp_path, issam_weights):
    path = tmp_path / "issam256.pth"
    blur = "decoder.up_blocks.2.attention.mask_blurring.weight"
    torch.save({**issam_weights, blur: torch.randn(1, 1, 7, 7)}, path)
    net = checkpoint.load_foreign(path).net
    assert type(net) is UNet
    assert not net.training
    state = net.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in torch.load(path).items())


def test_an_incomplete_issam_checkpoint_is_refused_with_the_missing_names(tmp_path, issam_weights):
    path = tmp_path / "issam256.pth"
    torch.save({name: value for name, value in issam_weights.items() if "mask_blurring" not in name}, path)
    message = r"missing decoder\.up_blocks\.2\.attention\.mask_blurring\.weight; unexpected nothing"
    with pytest.raises(WeightsError, match=message):
        checkpoint.load_foreign(path)


def test_a_checkpoint_of_another_network_is_refused_with_both_lists(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(WeightsError, match=r"missing 101 names \(encoder\.block0.*unexpected weight, bias$"):
        checkpoint.load_foreign(path)


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    zipped, bare = tmp_path / "zipped.pth", tmp_path / "bare.pth"
    torch.save({"weight": Trap()}, zipped)
    bare.write_bytes(pickle.dumps(Trap(), protocol=2))
    for path in (zipped, bare):
        with pytest.raises(
            WeightsError,
            match=r"not a checkpoint of plain tensors \(it holds an object posix\.mkdir, which",
        ):
            checkpoint.load_foreign(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off", bytes(1000)])
def test_any_other_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.pth: ") as refusal:
        checkpoint.load_foreign(path)
    assert "\n" not in str(refusal.value)


def test_a_checkpoint_that_is_no_table_of_tensors_is_refused(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(2)], path)
    with pytest.raises(WeightsError, match="list found, tensors by name wanted"):
        checkpoint.load_foreign(path)


WRAPPINGS = {
    "plain": lambda tensors: tensors,
    "parallel": lambda tensors: {f"module.{name}": value for name, value in tensors.items()},
    "compiled": lambda tensors: {f"_orig_mod.{name}": value for name, value in tensors.items()},
    "compiled inside": lambda tensors: {
        name.replace("encoder.", "encoder._orig_mod."): value for name, value in tensors.items()
    },
    "lightning": lambda tensors: {
        "epoch": 3,
        "hyper_parameters": {"rate": 0.1},
        "state_dict": {f"model.net.{name}": value for name, value in tensors.items()} | {"loss.vgg.0": torch.zeros(3)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}}],
    },
    "two levels": lambda tensors: {"checkpoint": {"model_state_dict": tensors}, "args": argparse.Namespace(rate=0.1)},
    "score of numpy": lambda tensors: {"state_dict": tensors, "best_acc": np.float64(0.5), "step": np.int64(7)},
    "half": lambda tensors: {name: value.half() for name, value in tensors.items()},
    "bfloat16": lambda tensors: {"params": {name: value.bfloat16() for name, value in tensors.items()}},
    "profiled": lambda tensors: tensors | {"total_ops": torch.zeros(1), "encoder.block0.total_params": torch.zeros(1)},
    "old batch norm": lambda tensors: {
        name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")
    },
}


NAMES = ("w.ckpt", "pytorch_model.bin", "w.pth.tar", "w.safetensors", "noname")
"""Of files; the name does not count, and two wrappings show it."""


@pytest.mark.parametrize(
    ("wrapping", "name"),
    [(wrapping, "w.pth") for wrapping in WRAPPINGS] + [(one, name) for one in ("plain", "lightning") for name in NAMES],
)
def test_a_checkpoint_is_judged_by_its_content(tmp_path, issam_weights, wrapping, name):
    torch.save(WRAPPINGS[wrapping](issam_weights), tmp_path / name)
    loaded = checkpoint.load(tmp_path / name)
    assert loaded.settings == checkpoint.read_notes(tmp_path / name)[0] == ISSAM
    for key, value in loaded.net.state_dict().items():
        assert value.dtype == issam_weights[key].dtype
        tolerance = {"half": 1e-3, "bfloat16": 1e-2}.get(wrapping, 0)
        assert torch.allclose(value.double(), issam_weights[key].double(), rtol=tolerance, atol=1e-6 * bool(tolerance))


def test_a_checkpoint_in_the_old_format_of_torch_is_read(tmp_path, issam_weights):
    torch.save({"net": issam_weights}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert checkpoint.load(tmp_path / "old.pth").settings == ISSAM


def test_tensors_of_our_networks_of_any_width_are_told_apart(tmp_path):
    for settings in (NetworkSettings(width=8), NetworkSettings(model="issam", gift=(), width=4), PihSettings()):
        torch.save({"model": registry.build_network(settings).state_dict()}, tmp_path / "w.pt")
        assert checkpoint.load(tmp_path / "w.pt").settings == settings
        save_file(registry.build_network(settings).state_dict(), tmp_path / "bare.safetensors")
        assert checkpoint.load(tmp_path / "bare.safetensors").settings == settings


def test_the_average_of_weights_comes_before_the_weights(tmp_path, issam_weights):
    averaged = {name: value + 1 for name, value in issam_weights.items()}
    torch.save({"net": issam_weights, "net_ema": averaged}, tmp_path / "w.pth")
    bias = checkpoint.load(tmp_path / "w.pth").net.state_dict()["decoder.to_rgb.bias"]
    assert torch.equal(bias, averaged["decoder.to_rgb.bias"])


def test_the_average_comes_first_where_prefixes_of_one_table_tell_the_two_apart(tmp_path, issam_weights):
    both = {f"model.{name}": value for name, value in issam_weights.items()}
    both |= {f"model_ema.{name}": value + 1 for name, value in issam_weights.items()}
    torch.save({"state_dict": both, "epoch": 3}, tmp_path / "w.ckpt")
    bias = checkpoint.load(tmp_path / "w.ckpt").net.state_dict()["decoder.to_rgb.bias"]
    assert torch.equal(bias, issam_weights["decoder.to_rgb.bias"] + 1)


def test_of_many_tables_and_prefixes_the_largest_are_compared(tmp_path, issam_weights, monkeypatch):
    compared = []
    whole = foreign._compare
    monkeypatch.setattr(foreign, "_compare", lambda *args: compared.append(args[2]) or whole(*args))
    many = {f"k{number}": {"w": torch.zeros(1)} for number in range(200)}
    torch.save({**many, "found": issam_weights}, tmp_path / "w.pth")
    assert checkpoint.load(tmp_path / "w.pth").settings == ISSAM
    first = next(iter(issam_weights))
    torch.save({f"p{number}.{first}": torch.zeros(1) for number in range(200)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="another network"):
        checkpoint.load(tmp_path / "x.pth")
    assert len(compared) <= 200


def test_what_does_not_fit_is_said_by_names_and_shapes(tmp_path, issam_weights):
    changed = {name: value for name, value in issam_weights.items() if name != "decoder.to_rgb.bias"}
    changed |= {"decoder.to_rgb.weight": torch.zeros(4, 32, 1, 1), "head.weight": torch.zeros(1)}
    torch.save({"state_dict": {f"module.{name}": value for name, value in changed.items()}}, tmp_path / "w.pth")
    message = (
        r"w\.pth: another network .the nearest is issam.; missing decoder\.to_rgb\.bias; unexpected head\.weight; "
        r"decoder\.to_rgb\.weight: shape \(4, 32, 1, 1\) found, \(3, 32, 1, 1\) wanted$"
    )
    with pytest.raises(WeightsError, match=message):
        checkpoint.load(tmp_path / "w.pth")


def test_load_takes_a_name_a_path_or_a_released_checkpoint(shelf, tmp_path, issam_weights):
    torch.save(issam_weights, tmp_path / "issam256.pth")
    assert bundled.list_weights() == ["small"]
    assert checkpoint.load("small").settings == SMALL
    assert checkpoint.load(shelf / "small.safetensors").settings == SMALL
    assert checkpoint.load(tmp_path / "issam256.pth").settings == ISSAM


@pytest.mark.usefixtures("shelf")
def test_an_unknown_name_is_refused_with_the_bundled_ones():
    with pytest.raises(WeightsError, match="large: no such weights; a file or one of small wanted"):
        checkpoint.load("large")


def test_altered_bundled_weights_are_refused(shelf):
    path = shelf / "small.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"small\.safetensors: SHA-256 .* altered or cut off"):
        checkpoint.load("small")


def test_bundled_weights_without_a_checksum_are_refused(shelf):
    (shelf / "SHA256SUMS").unlink()
    with pytest.raises(WeightsError, match="no checksum in SHA256SUMS"):
        checkpoint.load("small")


def test_every_bundled_file_has_its_card_and_loads():
    names = bundled.list_weights()
    assert names == ["giftnet_w16", "giftnet_w16_kinds", "pih"]
    for name in names:
        assert (bundled.WEIGHTS / f"{name}.md").is_file()
        assert checkpoint.load(name).settings.model in ("giftnet", "issam", "pih")


def leave(_tensors):
    """Change nothing."""


RETIRED = {"gift_activation": "none", "gift_start": "random", "mask_resize": "area", "mlp_slope": 0.2}


def test_weights_saved_before_switches_were_retired_load_as_they_were(saved, net):
    notes = {"settings": json.dumps({**SMALL.to_dict(), **RETIRED})}
    rewrite(saved, leave, notes)
    loaded = checkpoint.load_weights(saved)
    assert loaded.settings == SMALL
    assert all(torch.equal(value, loaded.net.state_dict()[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("name", "value", "only"),
    [
        ("gift_activation", "leaky_relu", "'none'"),
        ("gift_start", "identity", "'random'"),
        ("mask_resize", "nearest", "'area'"),
        ("mlp_slope", 0.1, "0.2"),
    ],
)
def test_weights_of_a_retired_switch_s_other_value_are_refused_in_one_line(saved, name, value, only):
    notes = {"settings": json.dumps({**SMALL.to_dict(), **RETIRED, name: value})}
    rewrite(saved, leave, notes)
    with pytest.raises(WeightsError, match=rf"net\.safetensors: .*{name}: {value!r} found, {only} wanted") as caught:
        checkpoint.load_weights(saved)
    assert len(str(caught.value).splitlines()) == 1


def test_light_weights_of_pih_load_and_faithful_ones_are_refused(tmp_path):
    settings = PihSettings(side=64, width=2)
    path, before = tmp_path / "pih.safetensors", {"form": "light", "darkest": 0.5}
    checkpoint.save_weights(path, network.build(settings), settings)
    rewrite(path, leave, {"settings": json.dumps({**settings.to_dict(), **before})})
    assert checkpoint.load_weights(path).settings == settings
    rewrite(path, leave, {"settings": json.dumps({**settings.to_dict(), "form": "faithful"})})
    with pytest.raises(WeightsError, match="form: 'faithful' found, 'light' wanted"):
        checkpoint.load_weights(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "giftnet", "width": 700},
        {"model": "giftnet", "width": 10**9},
        {"model": "giftnet", "mlp_width": 10**18},
        {"model": "pih", "width": 10**5},
        {"model": "pih", "width": 10**12},
        {"model": ["giftnet"]},
        {"model": "giftnet", "width": [1]},
        [1, 2],
        "giftnet",
        3,
    ],
)
def test_settings_that_ask_for_more_than_the_file_holds_take_no_memory(tmp_path, settings):
    path = tmp_path / "small.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"format": "1", "version": "0", "settings": json.dumps(settings)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"small\.safetensors: ") as caught:
        checkpoint.load(path)
    assert len(str(caught.value).splitlines()) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB; a network of width 700 has 5.8e6


@pytest.mark.parametrize(
    "notes",
    [
        {"settings": "[" * 5000},
        {"settings": '{"model": "giftnet", "width": ' + "9" * 6000 + "}"},
        {"settings": '{"model": "giftnet", "width": NaN}'},
        {"settings": '{"model": "giftnet", "model": "pih"}'},
        {"metadata": '{"a":' * 2000},
        {"metadata": "[1]"},
        {"format": "9" * 5000},
        {"format": "\u00b2"},
    ],
)
def test_notes_that_break_a_limit_are_one_line(saved, notes):
    rewrite(saved, leave, notes)
    for read in (checkpoint.load, checkpoint.read_notes):
        with pytest.raises(WeightsError, match=r"net\.safetensors: ") as caught:
            read(saved)
        assert len(str(caught.value)) < 300 + len(str(saved))


def test_one_flipped_bit_of_a_weight_is_seen(saved):
    data = bytearray(saved.read_bytes())
    data[-3] ^= 1
    saved.write_bytes(data)
    with pytest.raises(WeightsError, match="its weights are not those that were written"):
        checkpoint.load_weights(saved)


def test_all_networks_are_laid_out_without_memory():
    for settings in (SMALL, ISSAM, PihSettings(), PihSettings(background=True, shading=False)):
        wanted = {
            name: tuple(value.shape) for name, value in checkpoint.registry.build_network(settings).state_dict().items()
        }
        assert checkpoint.foreign.shapes_of(settings) == wanted


@pytest.mark.parametrize("name", ["giftnet_w16", "pih"])
def test_loading_weights_does_not_import_torchs_compiler(name):
    """Asking for the shapes of a network without memory did, which took two fifths of the time of `harmonize apply`."""
    code = f"import sys; from harmonize.weights import checkpoint; checkpoint.load({name!r})"
    code += "; print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_are_read_whatever_the_length_of_their_header_begins_with(tmp_path, net):
    # Headers are padded to multiples of 8: of 32 lengths one has 0x80 as its lowest byte, as a pickle has.
    path, starts = tmp_path / "net.safetensors", set()
    for length in range(0, 8 * 33, 8):
        checkpoint.save_weights(path, net, SMALL, metadata={"note": "x" * length})
        starts.add(path.read_bytes()[0])
        assert checkpoint.load(path).settings == SMALL
    assert 0x80 in starts
