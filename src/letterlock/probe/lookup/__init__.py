"""What DNS, and the web servers that it leads to, promise of a mail domain."""
