-- The event log, format 1 (docs/log-format.md). Nothing here is ever updated or deleted.

COMMENT ON SCHEMA matchspec IS 'matchspec event log';

CREATE TABLE matchspec.events (
    position bigint PRIMARY KEY,
    run_id   text COLLATE "C" NOT NULL,
    version  bigint           NOT NULL,
    type     text COLLATE "C" NOT NULL,
    at       text COLLATE "C" NOT NULL,
    body     bytea            NOT NULL,
    leaf     bytea            NOT NULL,
    hash     bytea            NOT NULL,
    UNIQUE (run_id, version)
);

-- What a start reads: how every run began and ended.
CREATE INDEX ends ON matchspec.events (position) WHERE type IN ('started', 'finished');

CREATE TABLE matchspec.contents (
    digest bytea PRIMARY KEY,
    bytes  bytea NOT NULL
);

CREATE FUNCTION matchspec.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'the event log is append-only'; END$$;

CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON matchspec.events
FOR EACH STATEMENT EXECUTE FUNCTION matchspec.refuse();

CREATE TRIGGER contents_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON matchspec.contents
FOR EACH STATEMENT EXECUTE FUNCTION matchspec.refuse();

-- Also where a session says that it only repeats what another database did.
ALTER TABLE matchspec.events ENABLE ALWAYS TRIGGER events_no_change;
ALTER TABLE matchspec.contents ENABLE ALWAYS TRIGGER contents_no_change;
