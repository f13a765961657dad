-- Beside the tables of the engine: which process can't take which run, why, since when, and when it said so last.
CREATE TABLE refusals (
    run_id text,
    worker bigint REFERENCES procrastinate_workers ON DELETE CASCADE,
    lacks text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    said timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, worker)
);

-- What became of a job is written nowhere: nobody reads it, and of a share that waits for long it would have no end.
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON procrastinate_jobs;

-- Where the schema was dropped and is made again, no number is one that a process still knows.
DO $$DECLARE
    first CONSTANT bigint := extract(epoch FROM now()) * 1000;
BEGIN
    PERFORM setval(pg_get_serial_sequence('procrastinate_workers', 'id'), first);
    PERFORM setval(pg_get_serial_sequence('procrastinate_jobs', 'id'), first);
END$$;
