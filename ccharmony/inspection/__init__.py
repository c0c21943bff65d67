"""How well each checker was fitted, shown in the terminal, as a page and as contact sheets."""
