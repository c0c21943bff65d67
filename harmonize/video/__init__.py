"""Videos and numbered frames: harmonized in the order of time, without flicker."""
