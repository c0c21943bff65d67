"""The 24-patch color checker: where it is in a photo, what its patches measure, a crop without it."""
