"""The construction of a dataset: lights, donors, pairs, and how an interrupted build resumes."""
