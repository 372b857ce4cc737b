"""What a failed request means, in words and with what to do about it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from vlmtui import net
from vlmtui.errors import (
    AccessDenied,
    NothingToPull,
    NotTheFile,
    PullError,
    SettingsError,
    Unreachable,
    VlmtuiError,
)
from vlmtui.models.download import hub
from vlmtui.models.download import hub_access as access
from vlmtui.net import proxies
from vlmtui.printable import line

AGAIN = (408, 425, 429, 500, 502, 503, 504, 520, 522, 524)
"""Answers after which one tries again."""

_DISABLED = "Access to this resource is disabled."
_LONGEST_SAID = 300
_RESET = re.compile(r"\bt=(\d+)")


class Fault(msgspec.Struct, frozen=True):
    """A request that failed."""

    error: VlmtuiError
    """To raise when it is not tried again."""

    again: bool
    """Trying again may help."""

    after: float | None = None
    """Seconds that the server wants to be left alone."""

    reason: str = ""
    """In a few words, for while one waits."""


def of(failure: net.Failed, what: str) -> Fault:
    """What a failure means; `what` was asked for is a repository or an address without secrets."""
    sentence = failure.sentence(what)
    match failure:
        case net.Refused() if failure.status in AGAIN:
            return _busy(failure, what)
        case net.Refused():
            return Fault(_final(failure, what), again=False)
        case net.Failed(kind="address"):
            error: VlmtuiError = NothingToPull(sentence, failure.hint)
        case net.Failed(kind="nonsense"):
            error = NotTheFile(sentence, _PAGE_HINT)
        case net.Failed(kind="settings"):
            error = SettingsError(sentence, failure.hint)
        case net.Failed(kind="proxy") | net.Failed(again=False):
            error = Unreachable(sentence, failure.hint)
        case _:
            server = what if "://" in what else access.shown_endpoint().partition("://")[2]
            error = Unreachable(failure.sentence(server), _network_hint())
    reason = f"the proxy {failure.reason}" if failure.kind == "proxy" else failure.reason
    return Fault(error, again=failure.again, reason=reason)


def _final(response: net.Refused, what: str) -> VlmtuiError:
    """What a server's refusal means where asking again is of no use."""
    status = response.status
    code = response.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        return _gated(response, what)
    if code == "RevisionNotFound":
        message = f"{what} has no such branch, tag or commit"
        return NothingToPull(message, "Look at its page, or leave out @REVISION.")
    if code == "RepoNotFound" or (status == 401 and access.is_hub(response.url)):
        return _no_repository(response, what)
    if _words_of(response) == _DISABLED:
        message = f"{what} has been closed by the Hub"
        return NothingToPull(message, "Choose another model, or a copy of it.")
    if status in (401, 403):
        return _denied(response, what)
    if status in (404, 410):
        message = f"{what} is not there: the server answered {status}"
        return NothingToPull(message, "Check the name.")
    return Unreachable(f"{what} can't be fetched: the server answered {status}", "Try again later.")


def _gated(response: net.Refused, repository: str) -> AccessDenied:
    page = f"{access.shown_endpoint()}/{_repository(repository)}"
    if access.token():
        words = _words_of(response)
        return AccessDenied(
            f"{repository} is only for those who have accepted its terms",
            f"Accept them on {page}, with the account that your token belongs to."
            + (f" The server says: {words}" if words else ""),
        )
    return AccessDenied(
        f"{repository} is only for those who have accepted its terms and are logged in",
        f"Accept them on {page}, then `hf auth login`, or set HF_TOKEN to a token from "
        f"{access.shown_endpoint()}/settings/tokens.",
    )


def page(what: str, kind: str) -> NotTheFile:
    """The error for a page that came in place of a file."""
    return NotTheFile(f"{what}: {kind} came instead of the file", _PAGE_HINT)


_PAGE_HINT = (
    "This can be a proxy, or a network that needs a login first: open a web page in a browser. "
    "Or the address is wrong."
)


def _busy(response: net.Refused, what: str) -> Fault:
    status = response.status
    after = _retry_after(response.headers)
    if status == 429:
        who = "" if access.token() else "; with a token (HF_TOKEN) more requests are allowed"
        return Fault(
            Unreachable(
                f"{what}: the server has had too many requests from here (429)",
                f"Wait some minutes and pull again, what came is kept{who}.",
            ),
            again=True,
            after=after,
            reason="too many requests",
        )
    return Fault(
        Unreachable(
            f"{what}: the server has a problem (it answered {status})",
            "Pull again later; what came is kept. Its state: https://status.huggingface.co"
            if access.endpoint() == "https://huggingface.co"
            else "Pull again later; what came is kept.",
        ),
        again=True,
        after=after,
        reason=f"the server answered {status}",
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks for, in either of the ways it may say so."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit() and len(given) < 8:
        return float(given)
    if given:
        import time
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            return None
    reset = _RESET.search(headers.get("ratelimit", ""))
    return float(reset[1][:7]) if reset else None


def _no_repository(response: net.Refused, what: str) -> PullError:
    if _words_of(response).startswith("Invalid credentials"):
        return AccessDenied(
            "The Hub doesn't know your token",
            "Set HF_TOKEN to a valid one, or unset it; `hf auth login` makes a new one.",
        )
    who = (
        "or your token may not see it" if access.token() else "or it is private: then set HF_TOKEN"
    )
    return NothingToPull(f"There is no repository {what}, {who}", "Check the name.")


def _denied(response: net.Refused, what: str) -> AccessDenied:
    status = response.status
    if access.token():
        words = _words_of(response)
        return AccessDenied(
            f"{what}: your token does not allow it (the server answered {status})",
            "Accept the terms on the model's page, or use a token that may read it."
            + (f" The server says: {words}" if words else ""),
        )
    return AccessDenied(
        f"{what}: only for those who are logged in (the server answered {status})",
        "Set HF_TOKEN, or `hf auth login`; accept the terms on the model's page.",
    )


def _words_of(response: net.Refused) -> str:
    """The Hub's own words, such as what a token lacks."""
    return line(response.headers.get("X-Error-Message", ""), _LONGEST_SAID)


def _network_hint() -> str:
    proxy = proxies.variable()
    but = (
        ", unless NO_PROXY has it"
        if os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
        else ""
    )
    through = f" It is asked through the proxy in {proxy}{but}." if proxy else ""
    other = f" HF_ENDPOINT is {access.shown_endpoint()}." if os.environ.get("HF_ENDPOINT") else ""
    return f"Check the network and try again; what was downloaded is kept.{through}{other}"


def _repository(what: str) -> str:
    known = hub.address(what) if "://" in what else None
    return known[0] if known is not None else urlsplit(what).path.strip("/")
