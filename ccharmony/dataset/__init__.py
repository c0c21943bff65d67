"""A dataset on disk: its tables and fits, read, written, verified and merged."""
