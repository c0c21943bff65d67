"""Networks in folders and on the Hugging Face Hub, by the mixin of huggingface_hub; extra `hub`.

Contents: :class:`HubNetwork`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from huggingface_hub import ModelHubMixin, constants, hf_hub_download
from torch import Tensor

from ccharmony import files
from ccharmony.errors import WeightsError
from ccharmony.files import StrPath
from harmonize.models.network import Network
from harmonize.weights import bundled, cards, checkpoint

FILE = constants.SAFETENSORS_SINGLE_FILE
"""Name of the weights in a folder; `harmonize apply --weights FOLDER/model.safetensors` reads them as they are."""

_FRONT = """---
library_name: harmonize
license: other
license_name: research-only
tags: [image-harmonization, model_hub_mixin]
---

"""
"""What the Hub reads first of the card of bundled weights, all of which are for research only."""


class HubNetwork(Network, ModelHubMixin, library_name="harmonize", tags=["image-harmonization"]):
    """A network with `from_pretrained`, `save_pretrained` and `push_to_hub`.

    ``HubNetwork.from_pretrained(FOLDER_OR_REPOSITORY)`` reads what ``save_pretrained`` wrote: model.safetensors,
    config.json and a model card, of bundled weights their own. The network itself is `net`.

    Parameters
    ----------
    weights
        Name of bundled weights, or a file.

    Attributes
    ----------
    net
        The network: what :func:`harmonize.harmonize_image` and :func:`harmonize.find_adjustment` take.
    settings
        What it was built from.
    metadata
        What is known of its training.

    Raises
    ------
    WeightsError
        No such weights, or they do not fit.

    References
    ----------
    https://huggingface.co/docs/huggingface_hub/package_reference/mixins
    """

    def __init__(self, weights: StrPath) -> None:
        super().__init__()
        loaded = checkpoint.load(weights)
        self.net, self.settings, self.metadata = loaded.net, loaded.settings, loaded.metadata
        self.bytes_a_pixel = loaded.net.bytes_a_pixel
        self._bundled = str(weights) if str(weights) in bundled.list_weights() else None

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Ask the network: see :class:`harmonize.models.network.Network`."""
        return self.net(image, mask)  # type: ignore[no-any-return]

    def _save_pretrained(self, save_directory: Path) -> None:
        checkpoint.save_weights(save_directory / FILE, self.net, self.settings, metadata=self.metadata)
        settings = json.dumps(self.settings.to_dict(), indent=2) + "\n"
        files.write_bytes(save_directory / constants.CONFIG_NAME, settings.encode())
        if self._bundled is not None:  # its card goes with it, with the terms; the mixin writes one where there is none
            files.write_bytes(save_directory / "README.md", (_FRONT + cards.read(self._bundled) + "\n").encode())

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **_others: Any,
    ) -> Self:
        folder = Path(model_id)
        if not folder.is_dir():
            found = hf_hub_download(
                model_id,
                FILE,
                revision=revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
            )
            return cls(found)
        if not (folder / FILE).is_file():
            raise WeightsError(f"{folder}: no {FILE} in it, a folder that save_pretrained wrote wanted")
        return cls(folder / FILE)
