"""Pictures: read, written, rendered from camera raw."""
