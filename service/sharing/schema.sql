-- Beside the tables of the engine: which process can't take which run, why, since when, and when it said so last.
CREATE TABLE refusals (
    run_id text,
    worker bigint REFERENCES procrastinate_workers ON DELETE CASCADE,
    lacks text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    said timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, worker)
);
