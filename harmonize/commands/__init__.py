"""One file a command; each has one attribute, `command`."""
