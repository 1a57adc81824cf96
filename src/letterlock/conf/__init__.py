"""Lossless documents: main.cf, master.cf, Dovecot's. `bytes(parse(x)) == x` for every x."""
