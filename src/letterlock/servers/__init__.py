"""What Postfix x.y and Dovecot x.y can say and how they spell it; find, validate, reload."""
