"""A finished dataset packed into a few large files, and packed files verified."""
