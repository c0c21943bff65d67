"""Pairs for training and validation: read from disk, or made from photos under recorded lights."""
