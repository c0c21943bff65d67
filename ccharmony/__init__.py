"""Build the ccHarmony dataset: photos with a color checker in, composite/real pairs out.

`import ccharmony` loads neither NumPy nor OpenCV: each exported name (they are listed in ``__init__.pyi``) is imported
from its module when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
