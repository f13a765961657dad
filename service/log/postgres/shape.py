"""What the schema of a log is made of, by kind and name, as `shape.sql` tells it."""

_ENDS = "(type = ANY (ARRAY['started'::text, 'finished'::text]))"
_UNIQUE = "CREATE UNIQUE INDEX events_run_id_version_key ON matchspec.events USING btree (run_id, version)"

SHAPE = {
    ("column", "contents.bytes"): "bytea not null",
    ("column", "contents.digest"): "bytea not null",
    ("column", "events.at"): "text not null",
    ("column", "events.body"): "bytea not null",
    ("column", "events.hash"): "bytea not null",
    ("column", "events.leaf"): "bytea not null",
    ("column", "events.position"): "bigint not null",
    ("column", "events.run_id"): "text not null",
    ("column", "events.type"): "text not null",
    ("column", "events.version"): "bigint not null",
    ("comment", "matchspec"): "matchspec event log",
    ("function", "refuse"): "BEGIN RAISE EXCEPTION 'the event log is append-only'; END",
    ("index", "contents_pkey"): "CREATE UNIQUE INDEX contents_pkey ON matchspec.contents USING btree (digest)",
    ("index", "ends"): f'CREATE INDEX ends ON matchspec.events USING btree ("position") WHERE {_ENDS}',
    ("index", "events_pkey"): 'CREATE UNIQUE INDEX events_pkey ON matchspec.events USING btree ("position")',
    ("index", "events_run_id_version_key"): _UNIQUE,
    ("table", "contents"): "rp false",
    ("table", "events"): "rp false",
    ("trigger", "contents_no_change"): "A 58 contents refuse",
    ("trigger", "events_no_change"): "A 58 events refuse",
}
