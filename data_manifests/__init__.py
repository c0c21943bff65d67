"""What the sources of photos are: one TOML file each, read by :mod:`ccharmony.catalog`."""
