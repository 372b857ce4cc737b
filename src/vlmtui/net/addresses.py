"""Addresses of the web: what may be shown of them, and where they lead."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import quote, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def shown(url: str) -> str:
    """An address without password and query, where signatures and tokens stand.

    What is no address stays as it is.
    """
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # an unfinished IPv6 address
        return url.partition("?")[0].rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def is_web(url: str) -> bool:
    """Whether something could be asked for there: http or https, a host, and a port if any."""
    try:
        parts = urlsplit(url)
        return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, which tell one server from another."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


def travelling(url: str) -> str:
    """An address as it travels: what isn't ASCII in it is encoded.

    Raises:
        ValueError: Its host can't be.
    """
    parts = urlsplit(url)
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="=&%/?:@!$'()*+,;~-._")
    return urlunsplit((parts.scheme, host, path, query, ""))


def is_private(url: str) -> bool:
    """Whether an address is on this machine or in its own network, by what its name means now."""
    return any(not is_global(each) for each in _meant(url))


def is_public(url: str) -> bool:
    """Whether an address is on the web and nowhere else, by what its name means now."""
    found = _meant(url)
    return bool(found) and all(is_global(each) for each in found)


def _meant(url: str) -> list[str]:
    """The IP addresses that a name stands for; none where that can't be told: opening it will."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError, ValueError):
        return []
    return [str(entry[4][0]) for entry in found]


def is_global(address: str) -> bool:
    """Whether an IP address is one of the web."""
    return ipaddress.ip_address(address.partition("%")[0]).is_global


def astray(first: str, old: str, new: str) -> str:
    """Why a redirect isn't followed, as the end of a sentence; empty where it is.

    It leads from `old` to `new`; `first` is the address that was asked for.
    """
    if not is_web(new):
        return "to what is not on the web"
    host = urlsplit(new).hostname
    if urlsplit(old).scheme == "https" and urlsplit(new).scheme != "https":
        return f"to {host} without encryption"
    if origin(old)[1] != host and is_private(new) and not is_private(first):
        return f"to {host}, in your own network"
    return ""
