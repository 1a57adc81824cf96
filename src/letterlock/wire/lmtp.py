"""LMTP up to and after STARTTLS (RFC 2033): SMTP that begins with LHLO."""

from __future__ import annotations

from letterlock.wire.smtp import SmtpDialogue


class LmtpDialogue(SmtpDialogue):
    """Replies are SMTP's; HELO and EHLO are not to be known (RFC 2033 section 4.1), so that there
    is nothing to fall back to."""

    hello = "LHLO"

    def send_fallback(self) -> bytes | None:
        return None
