"""The proxies and certificates that the environment names."""

from __future__ import annotations

import errno
import os
import ssl
import stat
from functools import lru_cache
from urllib.parse import urlsplit

from vlmtui.errors import reason
from vlmtui.net.failures import Failed

_SCHEMES = ("https", "http", "all")


def variable(scheme: str = "") -> str:
    """The variable that names the proxy for a scheme, or any; empty where there is none.

    Its value may have a password in it.
    """
    for each in (scheme, "all") if scheme else _SCHEMES:
        for name in (f"{each}_proxy", f"{each}_proxy".upper()):
            if os.environ.get(name):
                return name
    return ""


def blamed(scheme: str, why: str, *, again: bool = False) -> Failed:
    """The failure for a proxy that doesn't do its part."""
    return Failed(
        "proxy",
        why,
        f"Check {variable(scheme) or 'HTTPS_PROXY'}, and NO_PROXY for what needs none; a login "
        "stands in the address: http://USER:PASSWORD@HOST:PORT.",
        again=again,
    )


def check() -> None:
    """See that the variables mean something.

    Raises:
        Failed: One doesn't; names it.
    """
    for scheme in _SCHEMES:
        name = variable(scheme)
        value = os.environ.get(name, "")
        address = value if "://" in value else f"http://{value}"
        try:
            parts = urlsplit(address)
            known = parts.scheme.lower() in ("http", "https", "socks5", "socks5h")
            fine = known and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if value and not (fine and address.isprintable()):
            raise Failed(
                "settings",
                f"{name} is not a proxy address",
                f"Write http://HOST:PORT or socks5://HOST:PORT into it, or unset {name}.",
            )


def certificates() -> ssl.SSLContext:
    """What certificates are trusted: SSL_CERT_FILE, SSL_CERT_DIR, else the system's.

    Raises:
        Failed: There is no such file.
    """
    try:
        return _context(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))
    except OSError as error:  # ssl's errors are of this kind
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        wrong = "there are none in it" if isinstance(error, ssl.SSLError) else reason(error)
        raise Failed(
            "settings",
            f"{name} has no certificates that can be read: {wrong}",
            f"Name a file of certificates (PEM) there, or unset {name}.",
        ) from error


@lru_cache(maxsize=4)
def _context(file: str, folder: str) -> ssl.SSLContext:
    """Made once for each setting: reading the system's certificates takes a while."""
    import httpx2

    if file and not stat.S_ISREG(os.stat(file).st_mode):  # nobody may write into a FIFO
        raise OSError(errno.EINVAL, "it is not a regular file", file)
    return httpx2.create_ssl_context()
