"""Datasets in object stores: asked with patience, read by ranges, kept in a bounded cache on this machine."""
