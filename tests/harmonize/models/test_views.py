import pytest
import torch
from torch import nn

from ccharmony.errors import SettingsError
from harmonize.models.network import Network
from harmonize.models.pih.network import Pih
from harmonize.models.settings import PihSettings
from harmonize.models.views import TwoViews


class _Shifted(Network):
    """Moves the picture two columns to the right, the mask one: its mirror image goes the other way."""

    bytes_a_pixel = 100

    def forward(self, image, mask):
        return image.roll(2, -1) + mask.roll(1, -1)


def test_two_views_give_the_mean_of_the_answer_and_of_the_mirror_images_answer():
    image, mask = torch.rand(2, 3, 4, 8), torch.rand(2, 1, 4, 8)
    wanted = (image.roll(2, -1) + mask.roll(1, -1) + image.roll(-2, -1) + mask.roll(-1, -1)) / 2
    torch.testing.assert_close(TwoViews(_Shifted())(image, mask), wanted)


def test_two_views_need_twice_the_memory():
    assert TwoViews(_Shifted()).bytes_a_pixel == 200


def test_a_mirror_image_gets_the_mirrored_answer():
    torch.manual_seed(0)

    class Convolution(Network):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(4, 3, 3, padding=1)

        def forward(self, image, mask):
            return self.layer(torch.cat([image, mask], dim=1))

    net = TwoViews(Convolution())
    image, mask = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(net(image.flip(-1), mask.flip(-1)), net(image, mask).flip(-1))
    assert (net.net(image.flip(-1), mask.flip(-1)) - net.net(image, mask).flip(-1)).abs().max() > 0.01


def test_a_network_that_predicts_curves_has_one_view():
    with pytest.raises(SettingsError, match="1 wanted for a network that predicts curves"):
        TwoViews(Pih(PihSettings(width=4, side=64)))
