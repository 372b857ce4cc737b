"""The shape of the database, as numbered steps from nothing to now.

Step n turns version n-1 into version n; the version is SQLite's `user_version`. A step that was
released is never edited: what must change becomes a new step at the end. This module only holds
statements; `database` runs them.
"""

from __future__ import annotations

_CHATS = (
    """
    CREATE TABLE chats (
        id      INTEGER PRIMARY KEY,
        title   TEXT NOT NULL,
        created REAL NOT NULL,              -- seconds since 1970
        updated REAL NOT NULL,              -- when its last message was added
        leaf_id INTEGER                     -- last message of the branch that is shown
                REFERENCES messages (id) ON DELETE SET NULL
    ) STRICT
    """,
    "CREATE INDEX chats_by_leaf ON chats (leaf_id)",
    # Answers are siblings under their question, and edited questions are siblings under the answer
    # before them, so nothing is ever overwritten.
    """
    CREATE TABLE messages (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        chat_id    INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
        parent_id  INTEGER REFERENCES messages (id) ON DELETE CASCADE,
        role       TEXT NOT NULL,
        text       TEXT NOT NULL,
        status     TEXT NOT NULL CHECK (
            status IN ('complete', 'streaming', 'cancelled', 'failed', 'interrupted')
        ),
        writer     TEXT,                    -- who streams into it, see storage.presence
        created    REAL NOT NULL,
        model      TEXT,
        error      TEXT,                    -- why it failed, for a person
        error_kind TEXT,                    -- the same as the name of a class in vlmtui.errors
        stats      TEXT                     -- JSON
    ) STRICT
    """,
    "CREATE INDEX messages_by_chat ON messages (chat_id)",
    "CREATE INDEX messages_by_parent ON messages (parent_id)",
    """
    CREATE TABLE images (
        sha256 TEXT PRIMARY KEY,
        file   TEXT NOT NULL,               -- relative to the database where it lies below it
        width  INTEGER NOT NULL,
        height INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE message_images (
        message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        position   INTEGER NOT NULL,        -- among the pictures of the message
        place      INTEGER NOT NULL,        -- characters of the text that stand before it
        sha256     TEXT NOT NULL REFERENCES images (sha256),
        name       TEXT NOT NULL,
        PRIMARY KEY (message_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX message_images_by_image ON message_images (sha256)",
    # Two instances may both compose in the same chat, or in one that doesn't exist yet, so a draft
    # belongs to its writer; see storage.drafts.
    """
    CREATE TABLE drafts (
        id          INTEGER PRIMARY KEY,
        chat_id     INTEGER REFERENCES chats (id) ON DELETE CASCADE,  -- NULL for a new chat
        writer      TEXT NOT NULL,
        text        TEXT NOT NULL,
        attachments TEXT NOT NULL,          -- JSON: [[sha256, name], ...], detail behind the name
        updated     REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX drafts_by_chat ON drafts (chat_id)",
)

_FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE messages_fts USING fts5 (
        text, content = 'messages', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
        INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text);
    END
    """,
    """
    CREATE TRIGGER messages_fts_delete AFTER DELETE ON messages BEGIN
        INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
    END
    """,
    """
    CREATE TRIGGER messages_fts_update AFTER UPDATE OF text ON messages BEGIN
        INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text);
        INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text);
    END
    """,
)

_ARCHIVE = (
    "ALTER TABLE chats ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE chats ADD COLUMN deleted REAL",  # when; NULL while it isn't
    "ALTER TABLE chats ADD COLUMN system TEXT",  # NULL: as in the settings; and the next two
    "ALTER TABLE chats ADD COLUMN sampling TEXT",  # JSON
    "ALTER TABLE chats ADD COLUMN model TEXT",
    # Its newest message, so that a list of many chats needs no look at their messages. Age goes by
    # ids and not by times: a Jetson without a battery wakes up in 1970.
    "ALTER TABLE chats ADD COLUMN last_id INTEGER",
    "UPDATE chats SET last_id = (SELECT max(id) FROM messages WHERE chat_id = chats.id)",
    """
    CREATE TRIGGER chats_newest AFTER INSERT ON messages BEGIN
        UPDATE chats SET last_id = new.id WHERE id = new.chat_id;
    END
    """,
    """
    CREATE INDEX chats_by_age ON chats (pinned, last_id)
    WHERE deleted IS NULL AND last_id IS NOT NULL
    """,
    # A deleted message takes along what follows it. All of them name the one that was deleted, so
    # that undoing brings back just these.
    "ALTER TABLE messages ADD COLUMN deleted REAL",
    "ALTER TABLE messages ADD COLUMN deleted_with INTEGER",
    """
    CREATE INDEX messages_by_deletion ON messages (deleted_with)
    WHERE deleted_with IS NOT NULL
    """,
    # One index for the messages of a chat and for siblings, which at the start of a chat have no
    # parent in common but NULL.
    "CREATE INDEX messages_by_place ON messages (chat_id, parent_id)",
    "DROP INDEX messages_by_chat",
)

_TITLES = (
    """
    CREATE VIRTUAL TABLE chats_fts USING fts5 (
        title, content = 'chats', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    "INSERT INTO chats_fts (chats_fts) VALUES ('rebuild')",
    """
    CREATE TRIGGER chats_fts_insert AFTER INSERT ON chats BEGIN
        INSERT INTO chats_fts (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER chats_fts_delete AFTER DELETE ON chats BEGIN
        INSERT INTO chats_fts (chats_fts, rowid, title) VALUES ('delete', old.id, old.title);
    END
    """,
    """
    CREATE TRIGGER chats_fts_update AFTER UPDATE OF title ON chats BEGIN
        INSERT INTO chats_fts (chats_fts, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO chats_fts (rowid, title) VALUES (new.id, new.title);
    END
    """,
)

_DETAIL = (
    # how finely the model looks at it: a word or a number of tokens; NULL: as the chat has it
    "ALTER TABLE message_images ADD COLUMN detail TEXT",
)

_THOUGHT = (
    # what was thought before an answer; search and lists know the answer alone
    "ALTER TABLE messages ADD COLUMN thought TEXT NOT NULL DEFAULT ''",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _CHATS + _FULL_TEXT,
    _ARCHIVE + _TITLES,
    _DETAIL,
    _THOUGHT,
)
"""Statements of each step, in order."""
