"""Sans-IO: bytes in, events out. TLS records and the mail dialogues up to TLS."""
