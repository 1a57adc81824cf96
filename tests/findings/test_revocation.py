"""What CAs say with --online, as findings."""

from __future__ import annotations

from dataclasses import replace

from letterlock.findings.revocation import gaps, revocation
from letterlock.model.revocation import Revocation, Status, Told
from letterlock.model.service import SMTP
from letterlock.model.unknown import Cause, Unknown
from tests.findings.sample import certificate, good, target


def test_no_answer_is_told_and_is_a_gap() -> None:
    silent = Revocation(certificate(), Unknown("the responder did not answer", Cause.NO_ANSWER))
    facts = replace(target(good(SMTP)), revocations=(silent,))
    assert [each.id for each in revocation(facts)] == ["revocation-unknown"]
    assert gaps(facts)


def test_a_good_answer_is_neither() -> None:
    told = Revocation(certificate(), Told(Status.GOOD), "OCSP http://ocsp.example.com")
    facts = replace(target(good(SMTP)), revocations=(told,))
    assert list(revocation(facts)) == []
    assert not gaps(facts)
