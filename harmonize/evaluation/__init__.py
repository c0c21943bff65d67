"""Metrics, the protocols of the field, and reports over whole datasets."""
