"""Train, evaluate and apply networks that give a pasted foreground the light of its background."""
