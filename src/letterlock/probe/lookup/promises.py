"""All that a mail domain promises beside its MX records."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.dns_facts import DomainFacts, MailExchange
from letterlock.probe.https import Web
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.lookup.sts import look_up_sts
from letterlock.probe.lookup.tls_rpt import look_up_tls_rpt


def look_up_promises(found: DomainFacts, resolver: Resolver, web: Web) -> DomainFacts:
    """The domain with its promises; a domain that takes no mail is not asked for any."""
    if isinstance(found.exchange, MailExchange) and found.exchange.null:
        return found
    return replace(
        found,
        sts=look_up_sts(found.domain, resolver, web),
        tls_rpt=look_up_tls_rpt(found.domain, resolver),
    )
