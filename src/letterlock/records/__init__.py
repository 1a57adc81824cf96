"""The DNS records that a mail server's owner should publish, and how far they are."""
