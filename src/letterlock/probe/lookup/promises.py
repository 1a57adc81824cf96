"""All that a mail domain promises beside its MX records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from letterlock.model.dns_facts import DomainFacts, MailExchange
from letterlock.probe.https import Web
from letterlock.probe.lookup.clients import look_up_clients
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.lookup.sts import look_up_sts
from letterlock.probe.lookup.tls_rpt import look_up_tls_rpt


def look_up_promises(found: DomainFacts, resolver: Resolver, web: Web) -> DomainFacts:
    """The domain with its promises; a domain that takes no mail is not asked for any."""
    if isinstance(found.exchange, MailExchange) and found.exchange.null:
        return found
    domain = found.domain
    with ThreadPoolExecutor(2) as pool:
        clients = pool.submit(look_up_clients, domain, resolver, web)
        sts = pool.submit(look_up_sts, domain, resolver, web)
        return replace(
            found,
            sts=sts.result(),
            tls_rpt=look_up_tls_rpt(domain, resolver),
            clients=clients.result(),
        )
