"""The sending test: receives test mails and reports how they came."""
