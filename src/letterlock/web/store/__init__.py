"""What the page and its workers share: checks, their reports, monitors. SQLite or PostgreSQL."""
