"""The self-hosted checker: its page, its API, its store and its workers."""
