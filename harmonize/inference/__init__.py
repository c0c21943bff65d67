"""Networks applied to pictures of any size; the background keeps its bits."""
