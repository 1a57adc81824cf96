"""The texts in which mail domains promise something: bytes in, facts out, nothing fetched."""
