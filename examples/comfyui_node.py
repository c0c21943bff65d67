"""A ComfyUI node that gives the masked part of a picture the light of the rest.

Install the package in ComfyUI's Python, and copy this file to ComfyUI/custom_nodes/. The node is found under
image/harmonize. ComfyUI itself is not needed to import the file.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

import harmonize


class HarmonizeForeground:
    """Pictures (B, H, W, 3) or (B, H, W, 4) and masks (B, H, W) in, in [0, 1]; pictures (B, H, W, 3) out."""

    CATEGORY: ClassVar[str] = "image/harmonize"
    RETURN_TYPES: ClassVar[tuple[str, ...]] = ("IMAGE",)
    FUNCTION: ClassVar[str] = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Say what the node is given."""
        strength = {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.05}
        inputs = {"image": ("IMAGE",), "mask": ("MASK",), "weights": (harmonize.list_weights(),)}
        return {"required": {**inputs, "strength": ("FLOAT", strength)}}

    def run(self, image: Tensor, mask: Tensor, weights: str, strength: float) -> tuple[Tensor]:
        """Harmonize each picture by its mask, or all by one mask; the background keeps its values to the bit."""
        net = harmonize.load_network(weights)
        count = max(len(image), len(mask))
        pictures, masks = image[..., :3].expand(count, -1, -1, -1), mask.expand(count, -1, -1)
        results = []
        for picture, inside in zip(pictures, masks, strict=True):
            levels = (picture * 255).round().byte().cpu().numpy()
            result = harmonize.harmonize_image(levels, inside.float().cpu().numpy(), net, strength=strength)
            results.append(torch.where(inside[..., None] > 0, torch.from_numpy(result).to(picture) / 255, picture))
        return (torch.stack(results),)


NODE_CLASS_MAPPINGS = {"HarmonizeForeground": HarmonizeForeground}
NODE_DISPLAY_NAME_MAPPINGS = {"HarmonizeForeground": "Harmonize foreground"}
