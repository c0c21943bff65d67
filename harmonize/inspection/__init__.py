"""How much pictures were changed, as one page."""
