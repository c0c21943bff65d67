"""What a dataset says of itself to people and programs that never saw this one: card, metadata, sheet of pictures."""
