"""letterlock: TLS for Postfix and Dovecot, installed, hardened and proven on the wire."""

__version__ = "0.1.0"
