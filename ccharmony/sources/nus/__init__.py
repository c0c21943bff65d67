"""The NUS collection: its photos, checkers and MATLAB files."""
