"""The networks, their settings, and the registry that builds them by name."""
