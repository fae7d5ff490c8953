"""The doctor's look at the target: name, connection, certificate, deployment, clock. Sends no message."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etl.api.probe import (
    Address,
    Certificate,
    ConfigAnswer,
    ProbeError,
    address_of,
    config_url,
    connect,
    handshake,
    read_config,
    resolve,
)
from etl.api.transport import tls_context
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.target import Target
from etl.errors import EtlError, ExitCode
from etl.model.exchange import Failure, Phase
from etl.pipeline.finding import Finding, Level, failed, failed_by, passed, warned

_TIMEOUT_SECONDS: Final = 10.0
_DAY_US: Final = 86_400 * MICROSECONDS
_EXPIRY_DAYS: Final = 14
_SKEW_SECONDS: Final = 30
_NAMES_SHOWN: Final = 3
_PATHS: Final = (
    "/webbot/api/webchat/bot/{deployment_id}/messages/",
    "/api/webchat/bot/{deployment_id}/messages/",
    "/webbot/api/webchat/{deployment_id}/",
)
"""The three that the vendor's articles have named, the newest first (platform facts S2c, S2b, S2a)."""

_KNOWN: Final = f"target.path, of which the vendor has named {', '.join(_PATHS)}"
_NO_PROXY: Final = "etl uses no proxy"


def target_findings(target: Target, *, folder: Path, timeout_seconds: float) -> Iterator[Finding]:
    """Yield how far a request would get; stops at the first step that fails."""
    timeout = min(timeout_seconds, _TIMEOUT_SECONDS)
    address = address_of(target.base_url)
    try:
        tls = tls_context(None if target.ca_file is None else folder / target.ca_file)
    except EtlError as error:
        yield failed_by("tls", error)
        return
    for finding in _steps(address, tls=tls, timeout_seconds=timeout):
        yield finding
        if finding.level is Level.FAIL:
            return
    url = config_url(target.base_url, target.path, target.deployment_id)
    if url is None:
        yield warned("target", "not asked: target.path is like none of the known ones", f"check {_KNOWN}")
        return
    answer = asyncio.run(read_config(url, tls=tls, timeout_seconds=timeout))
    yield config_finding(answer)
    if isinstance(answer, ConfigAnswer) and answer.date_us is not None:
        yield clock_finding(answer.date_us, now_us=SYSTEM.wall_us())


def _steps(address: Address, *, tls: ssl.SSLContext, timeout_seconds: float) -> Iterator[Finding]:
    """Yield name, connection and certificate; whoever asks stops at the first that fails."""
    yield _name(address, timeout_seconds=timeout_seconds)
    yield _connection(address, timeout_seconds=timeout_seconds)
    if address.tls:
        yield _certificate(address, tls=tls, timeout_seconds=timeout_seconds)


def _name(address: Address, *, timeout_seconds: float) -> Finding:
    try:
        found = resolve(address, timeout_seconds=timeout_seconds)
    except ProbeError as error:
        remedy = f"check target.base_url and this machine's name server; {_NO_PROXY}"
        return failed("dns", str(error), remedy, ExitCode.LATER)
    if address.host in found:
        return passed("dns", f"{address.host} is an address, which needs no name server")
    return passed("dns", f"{address.host} is {', '.join(found[:_NAMES_SHOWN])}")


def _connection(address: Address, *, timeout_seconds: float) -> Finding:
    try:
        connect(address, timeout_seconds=timeout_seconds)
    except ProbeError as error:
        remedy = f"check target.base_url, network and firewall; {_NO_PROXY}"
        return failed("tcp", str(error), remedy, ExitCode.LATER)
    return passed("tcp", f"{address.host}:{address.port} takes connections")


def _certificate(address: Address, *, tls: ssl.SSLContext, timeout_seconds: float) -> Finding:
    try:
        certificate = handshake(address, tls=tls, timeout_seconds=timeout_seconds)
    except ProbeError as error:
        remedy = "check target.base_url; behind a proxy with a certificate of its own set target.ca_file"
        return failed("tls", str(error), remedy, ExitCode.REFUSED)
    return certificate_finding(certificate, now_us=SYSTEM.wall_us())


def certificate_finding(certificate: Certificate, *, now_us: int) -> Finding:
    """Return what a verified certificate means."""
    days = (certificate.expires_us - now_us) // _DAY_US
    names = ", ".join(certificate.names[:_NAMES_SHOWN])
    seen = (
        f"{certificate.protocol}, certificate for {names} by {certificate.issuer}, expires in {days:,} days"
    )
    if days >= _EXPIRY_DAYS:
        return passed("tls", seen)
    return warned("tls", seen, "tell whoever runs the server; once it has expired every import stops")


def config_finding(answer: ConfigAnswer | Failure) -> Finding:
    """Return what the config endpoint's answer means. Pure.

    The endpoint is documented to answer without a token; that it proves a deployment is our reading.
    """
    if isinstance(answer, Failure):
        refused = answer.phase is Phase.CERTIFICATE
        code = ExitCode.REFUSED if refused else ExitCode.LATER
        remedy = "check target.base_url and target.ca_file" if refused else "try again; then ask the vendor"
        return failed("target", f"the config endpoint gave no answer ({answer.kind})", remedy, code)
    seen = f"the config endpoint answers {answer.status}"
    if answer.status == 200:  # noqa: PLR2004  HTTP
        if answer.is_json:
            return passed("target", "the deployment exists; only a message can try the token: etl send")
        remedy = "look at target.base_url: a portal or another site may answer in the API's place"
        return warned("target", f"{seen}, but with no JSON", remedy)
    return _by_status(answer, seen)


def _by_status(answer: ConfigAnswer, seen: str) -> Finding:
    status = answer.status
    if status in {404, 405, 410}:
        remedy = (
            "check target.deployment_id (the id in the widget's embed script), that the bot is published, "
            f"and {_KNOWN}"
        )
        return failed("target", f"{seen}: no such deployment, or another path", remedy, ExitCode.REFUSED)
    if status in {401, 403, 407}:
        remedy = (
            "a proxy or firewall may stand between; `etl send` tries token and deployment with one message"
        )
        return warned("target", f"{seen}: it wants credentials, so the deployment is not proven", remedy)
    if 300 <= status < 400:  # noqa: PLR2004  HTTP
        remedy = "set target.base_url to where it leads; etl follows no redirect, which would lose a message"
        return failed("target", f"{seen}: a redirect to {answer.location}", remedy, ExitCode.REFUSED)
    if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
        return failed("target", f"{seen}: overloaded or ill", "try again later", ExitCode.LATER)
    remedy = "`etl send` tries token and deployment with one message"
    return warned("target", f"{seen}, which proves nothing", remedy)


def clock_finding(theirs_us: int, *, now_us: int) -> Finding:
    """Return whether our clock agrees with the server's, which is told in whole seconds."""
    skew = (now_us - theirs_us) / MICROSECONDS
    if abs(skew) <= _SKEW_SECONDS:
        return passed("clock", f"agrees with the server's (within {_SKEW_SECONDS} s)")
    word = "ahead of" if skew > 0 else "behind"
    return Finding(
        level=Level.WARN,
        name="clock",
        seen=f"{abs(skew):,.0f} s {word} the server's",
        remedy="set it (NTP): messages seem to lie in the future and are rejects, records get wrong times",
    )
