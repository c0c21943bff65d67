"""Bundled weights with their cards, and checkpoint files."""
