"""One command each: prints ratios against the plain published method, measured in the same run."""
