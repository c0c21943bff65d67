"""The formats in which composite/real pairs are read."""
