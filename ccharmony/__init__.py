"""Build the ccHarmony dataset: composites made from photos that record their own light on a color checker."""

__version__ = "0.1.0"
