-- How fast services are asked by all processes together. A service is a digest of endpoint and account, a rate one of
-- those and of requests per minute.

CREATE TABLE rates (
    rate bytea PRIMARY KEY,
    free timestamptz NOT NULL -- when the next turn may begin that nobody has reserved
);

CREATE TABLE loads (
    service bytea PRIMARY KEY,
    calls float8,             -- the limit of calls in flight; none until the service first has too much to do
    falls bigint NOT NULL DEFAULT 0,
    renewed timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE allowances (
    service bytea,
    process text,
    wanted bigint NOT NULL,   -- calls in flight and waiting, at their peak since it was last renewed
    used bigint NOT NULL,     -- calls in flight as it was renewed
    allowed bigint,           -- how many calls the process may have in flight; null while there is no limit
    renewed timestamptz NOT NULL,
    PRIMARY KEY (service, process)
);
