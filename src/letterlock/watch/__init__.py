"""What the hourly timer does: look, compare with what is known, tell what changed, remember.

status, check, pending ─► look ─┐
                                ├─► changes ─► record ─► outbox ─► mail, webhook, command
              record (SQLite) ──┘
"""
