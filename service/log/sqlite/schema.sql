-- The event log, format 1 (docs/log-format.md). Nothing here is ever updated or deleted.

BEGIN;

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    run_id   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    type     TEXT    NOT NULL,
    at       TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    leaf     BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    UNIQUE (run_id, version)
) STRICT;

-- What a start reads: how every run began and ended.
CREATE INDEX ends ON events (position) WHERE type IN ('started', 'finished');

CREATE TABLE contents (
    digest BLOB PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

-- INSERT OR REPLACE deletes the old row without firing the trigger above.
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM events WHERE run_id = NEW.run_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER contents_no_update BEFORE UPDATE ON contents
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER contents_no_delete BEFORE DELETE ON contents
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TRIGGER contents_no_replace BEFORE INSERT ON contents
WHEN EXISTS (SELECT 1 FROM contents WHERE digest = NEW.digest)
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

COMMIT;
