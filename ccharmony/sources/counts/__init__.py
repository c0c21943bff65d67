"""Patch colors from the small files of NUS and Gehler alone, without a photo."""
