"""What the page and its workers share: checks and their reports. SQLite or PostgreSQL."""
