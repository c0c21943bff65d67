"""The construction of a dataset: lights, donors, pairs, and how a build that was killed goes on."""
