"""Pages on this machine: what every server of the package refuses, and how it listens and ends."""
