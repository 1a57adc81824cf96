"""The bytes of SSLv2 to TLS 1.3 that are sent in the clear: hellos out, answers in. Sans-IO."""
