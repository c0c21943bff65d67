"""Everything that can go wrong, in one small tree that both packages share.

::

    CcharmonyError
    ├── ImageError       a picture or a mask that cannot be read or used
    ├── CheckerError     a chart, its coordinates or its patches
    ├── FitError         patches that no polynomial can be fitted to
    ├── SourceError      a folder of photos, a list, a released archive
    ├── ManifestError    the tables of a built dataset (CSV, HDF5, JSON)
    ├── StoreError       an object store that cannot be asked, or refuses
    ├── OutputError      a file or folder that cannot be written
    ├── SettingsError    an option or a number outside its range
    ├── WeightsError     a checkpoint that does not fit or is not one
    ├── TrainingError    a run that cannot continue (NaN loss, no memory)
    └── StudyError       a user study: its folder, its votes, a ranking that has no solution

Every message is one line: the thing, what was found, what was wanted.
"""


class CcharmonyError(Exception):
    """Root of the tree; catching it catches every error that the two packages raise on purpose."""


class ImageError(CcharmonyError):
    """A picture or a mask cannot be read, or is not what was asked for."""


class CheckerError(CcharmonyError):
    """A color checker, its coordinates or its patches are unusable."""


class FitError(CcharmonyError):
    """No polynomial can be fitted to the patches."""


class SourceError(CcharmonyError):
    """A source of photos is missing, empty or contradicts itself."""


class ManifestError(CcharmonyError):
    """A table of a built dataset is broken or does not match its files."""


class StoreError(CcharmonyError):
    """An object store cannot be reached, refuses, or its objects change while they are read."""


class OutputError(CcharmonyError):
    """A result cannot be written."""


class SettingsError(CcharmonyError):
    """An option or a number is outside its range."""


class WeightsError(CcharmonyError):
    """A checkpoint is missing, damaged or belongs to another network."""


class TrainingError(CcharmonyError):
    """A training run cannot continue."""


class StudyError(CcharmonyError):
    """A user study or its votes are damaged, or have no ranking."""
