"""Plan, rehearse, apply, verify, keep or roll back."""
