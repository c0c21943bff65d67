from .data.lit_photos import LitPhotos as LitPhotos
from .data.stored_pairs import StoredPairs as StoredPairs
from .evaluation.compare import compare as compare
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.metrics import fmse as fmse
from .evaluation.metrics import mse as mse
from .evaluation.metrics import psnr as psnr
from .evaluation.metrics import ssim as ssim
from .evaluation.protocols import PROTOCOLS as PROTOCOLS
from .inference.curve_fit import find_adjustment as find_adjustment
from .inference.image import harmonize_image as harmonize_image
from .inference.network import load_network as load_network
from .models.giftnet import GiftNet as GiftNet
from .models.network import Network as Network
from .models.pih.network import Pih as Pih
from .models.registry import build_network as build_network
from .models.registry import register_network as register_network
from .models.settings import NetworkSettings as NetworkSettings
from .models.settings import PihSettings as PihSettings
from .models.unet import UNet as UNet
from .settings import Settings as Settings
from .table3 import TABLE_3 as TABLE_3
from .training.settings import DistillSettings as DistillSettings
from .training.settings import TrainSettings as TrainSettings
from .training.train_network import train_network as train_network
from .weights.bundled import list_weights as list_weights

__version__: str
