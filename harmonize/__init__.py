"""Train, evaluate and apply networks that give a pasted foreground the light of its background.

`import harmonize` loads neither NumPy nor PyTorch: each exported name (they are listed in ``__init__.pyi``) is imported
from its module when it is first used.
"""

import lazy_loader

from ccharmony import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
