"""A user study: which of several methods people prefer, asked in pairs, ranked by Bradley and Terry's model."""
