"""The published release of ccHarmony: patches, matrices, masks and split."""
