"""What good TLS is for each role: TOML, and the loader that validates it."""
