"""Foreground masks as pictures and as annotations."""
