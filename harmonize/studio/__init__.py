"""A page for people who composite: look at the result beside the composite, turn it to taste, take it away."""
