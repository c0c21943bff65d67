"""Five scenes rendered spectrally under six lights each: a source that needs no download."""
