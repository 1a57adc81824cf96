"""PEM, chains, keys, CSR, TLSA digests; `cryptography` does the X.509."""
