"""A renewed certificate from the ACME client that got it into the mail servers."""
