import json

import pytest
import torch

from ccharmony.errors import WeightsError
from harmonize.models import registry
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.weights import checkpoint

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
hub = pytest.importorskip("harmonize.weights.hub")

SETTINGS = [NetworkSettings(width=2, mlp_width=4), PihSettings(width=4, side=64)]


@pytest.fixture
def saved(tmp_path):
    def save(settings):
        torch.manual_seed(0)
        path = tmp_path / "trained.safetensors"
        checkpoint.save_weights(path, registry.build_network(settings), settings, metadata={"data": "mine"})
        return path

    return save


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.model)
def test_a_network_comes_back_from_its_folder_bit_for_bit(saved, tmp_path, settings):
    first = hub.HubNetwork(saved(settings))
    first.save_pretrained(tmp_path / "folder")
    again = hub.HubNetwork.from_pretrained(tmp_path / "folder")
    assert (again.settings, again.metadata) == (settings, {"data": "mine"})
    wanted = first.net.state_dict()
    assert again.net.state_dict().keys() == wanted.keys()
    assert all(torch.equal(value, wanted[name]) for name, value in again.net.state_dict().items())
    image, mask = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    assert torch.equal(again(image, mask), first(image, mask))


def test_a_folder_has_weights_settings_and_a_card_and_the_weights_are_ordinary_ones(saved, tmp_path):
    hub.HubNetwork(saved(SETTINGS[0])).save_pretrained(tmp_path / "folder")
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert json.loads((tmp_path / "folder" / "config.json").read_text())["width"] == 2
    card = (tmp_path / "folder" / "README.md").read_text()
    assert "library_name: harmonize" in card
    assert "image-harmonization" in card
    assert checkpoint.load(tmp_path / "folder" / "model.safetensors").settings == SETTINGS[0]


def test_bundled_weights_keep_their_card_and_its_terms(tmp_path):
    hub.HubNetwork("giftnet_w16").save_pretrained(tmp_path / "folder")
    card = huggingface_hub.ModelCard.load(tmp_path / "folder" / "README.md")
    assert (card.data.license, card.data.library_name) == ("other", "harmonize")
    assert "Research use only" in card.text
    again = hub.HubNetwork.from_pretrained(tmp_path / "folder").net.state_dict()
    wanted = checkpoint.load("giftnet_w16").net.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in again.items())


def test_a_repository_is_read_from_what_the_hub_gives(saved, tmp_path, monkeypatch):
    hub.HubNetwork(saved(SETTINGS[0])).save_pretrained(tmp_path / "repository")
    asked = []

    def download(repo_id, filename, **_options):
        asked.append((repo_id, filename))
        return str(tmp_path / "repository" / filename)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", lambda **names: download(**names))
    assert hub.HubNetwork.from_pretrained("somebody/giftnet").settings == SETTINGS[0]
    assert asked == [("somebody/giftnet", "config.json"), ("somebody/giftnet", "model.safetensors")]


def test_a_folder_without_weights_is_refused_by_name(tmp_path):
    with pytest.raises(WeightsError, match=r"no model\.safetensors in it"):
        hub.HubNetwork.from_pretrained(tmp_path)
