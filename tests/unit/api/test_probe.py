"""Where a target is, and its config endpoint."""

import socket
from threading import Event

import pytest

from etl.api.probe import Address, ProbeError, address_of, config_url, resolve


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            "/webbot/api/webchat/bot/{deployment_id}/messages/",
            "https://a.example/webbot/api/webchat/d/config/",
        ),
        ("/api/webchat/bot/{deployment_id}/messages/", "https://a.example/api/webchat/d/config/"),
        ("/webbot/api/webchat/{deployment_id}/", "https://a.example/webbot/api/webchat/d/config/"),
        ("/proxy/{deployment_id}/messages/", "https://a.example/proxy/d/config/"),
        ("/{deployment_id}/other/", None),
    ],
)
def test_config_endpoint_lies_beside_each_documented_path(path, url):
    """Where the path is like none of them, no address is made up."""
    assert url == config_url("https://a.example/", path, "d")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example", Address(host="a.example", port=443, tls=True)),
        ("https://a.example:8443/x", Address(host="a.example", port=8443, tls=True)),
        ("http://127.0.0.1", Address(host="127.0.0.1", port=80, tls=False)),
        ("http://[::1]:81", Address(host="::1", port=81, tls=False)),
    ],
)
def test_address_has_the_schemes_port(url, address):
    """The doctor connects to what a message would."""
    assert address == address_of(url)


def test_name_server_that_says_nothing_is_not_waited_for(monkeypatch):
    """The system's resolver knows no deadline, and a doctor who never comes back is no help."""
    over = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [] if over.wait(20) else None)
    address = Address(host="app.example", port=443, tls=True)

    with pytest.raises(ProbeError, match=r"no name server tells the address of app\.example in time"):
        resolve(address, timeout_seconds=0.01)
    over.set()
