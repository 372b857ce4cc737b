"""A chat's own system prompt and sampling."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tests.fakes import LOAD, FakeEngine
from vlmtui.chat.session import ChatSession
from vlmtui.engine.engine_requests import Sampling
from vlmtui.engine.structured import constraints
from vlmtui.errors import InputError
from vlmtui.messages import system
from vlmtui.storage.chats import ChatStore
from vlmtui.storage.images import ImageStore

DEFAULTS = Sampling(temperature=0.5, max_tokens=100)


@pytest.fixture
def session(engine: FakeEngine, store: ChatStore, images: ImageStore) -> Iterator[ChatSession]:
    session = ChatSession(engine, store, images, LOAD, sampling=DEFAULTS, system="Be brief.")
    yield session
    session.close()


def test_a_chat_has_the_settings_until_it_has_its_own(
    session: ChatSession, engine: FakeEngine
) -> None:
    assert (session.preferences.system, session.preferences.sampling) == ("Be brief.", DEFAULTS)
    list(session.send("one"))
    assert engine.requests[-1].sampling == DEFAULTS
    session.preferences.change(system="Speak like a pirate.", sampling={"temperature": 1})
    list(session.send("two"))
    assert engine.requests[-1].messages[0] == system("Speak like a pirate.")
    assert engine.requests[-1].sampling == Sampling(temperature=1.0, max_tokens=100)
    session.preferences.change(system=None, sampling=None)
    list(session.send("three"))
    assert engine.requests[-1].messages[0] == system("Be brief.")
    assert engine.requests[-1].sampling == DEFAULTS


def test_what_is_not_named_stays(session: ChatSession) -> None:
    session.preferences.change(system="A")
    session.preferences.change(sampling={"seed": 7})
    assert session.preferences.system == "A"
    assert session.preferences.sampling == msgspec.structs.replace(DEFAULTS, seed=7)


def test_an_empty_system_prompt_is_none_at_all(session: ChatSession, engine: FakeEngine) -> None:
    session.preferences.change(system="")
    list(session.send("one"))
    assert [message.text for message in engine.requests[-1].messages] == ["one"]


def test_a_chat_is_opened_again_with_its_own(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    list(session.send("one"))
    session.preferences.change(system="A", sampling=Sampling(temperature=0))
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert (later.preferences.system, later.preferences.sampling) == ("A", Sampling(temperature=0))
    later.open(None)
    assert (later.preferences.system, later.preferences.sampling) == ("", Sampling())


def test_what_was_chosen_before_the_first_question_goes_with_the_chat(
    session: ChatSession, store: ChatStore
) -> None:
    session.preferences.change(system="A", sampling={"top_k": 1})
    list(session.send("one"))
    chat = store.latest()
    assert chat is not None
    assert (chat.system, chat.sampling) == ("A", {"top_k": 1})


@pytest.mark.parametrize("sampling", [{"temprature": 1}, {"temperature": "hot"}, {"top_k": 1.5}])
def test_a_sampling_that_cannot_be_is_refused_and_changes_nothing(
    session: ChatSession, sampling: dict[str, object]
) -> None:
    with pytest.raises(InputError):
        session.preferences.change(system="A", sampling=sampling)
    assert (session.preferences.system, session.preferences.sampling) == ("Be brief.", DEFAULTS)


def test_of_a_sampling_of_another_version_that_is_in_force_which_is_known(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    list(session.send("one"))
    assert session.chat is not None
    own = {"warmth": 3, "top_k": 7}
    store.configure(msgspec.structs.replace(session.chat, sampling=own, system="A"))
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert (later.preferences.system, later.preferences.sampling) == ("A", Sampling(top_k=7))


def test_a_sampling_that_cannot_be_does_not_keep_a_chat_from_opening(
    session: ChatSession, store: ChatStore, images: ImageStore
) -> None:
    list(session.send("one"))
    assert session.chat is not None
    store.configure(msgspec.structs.replace(session.chat, sampling={"top_k": -7}))
    later = ChatSession(FakeEngine(), store, images, LOAD, chat=store.latest())
    assert later.preferences.sampling == Sampling()


def test_the_form_of_answers_is_the_chats_own_and_comes_back_with_it(
    session: ChatSession, engine: FakeEngine
) -> None:
    form = constraints.of_choices(["red", "blue"])
    session.preferences.change(sampling={"seed": 7, "constraint": form})
    list(session.send("one"))
    assert engine.requests[-1].sampling.constraint == form
    chat = session.chat
    session.open(None)
    assert session.preferences.sampling.constraint is None and chat is not None
    session.open(chat)
    assert (session.preferences.sampling.constraint, session.preferences.sampling.seed) == (form, 7)


@pytest.mark.parametrize(
    "form", [{"kind": "schema", "text": '{"not": {}}'}, {"kind": "poem", "text": ""}, "red", 5]
)
def test_a_form_that_cannot_be_enforced_is_refused(session: ChatSession, form: object) -> None:
    with pytest.raises(InputError):
        session.preferences.change(sampling={"constraint": form})
    assert session.preferences.sampling == DEFAULTS
