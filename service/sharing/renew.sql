-- Renews what one process may ask of one service, as one transaction that waits for nobody outside the database.
-- Its loss in a crash does no harm: each process tells again what it has within a second.
SET LOCAL synchronous_commit = off;

-- The limit, and the lock for all that follows. For each good answer it grows by 1/limit, so its square by two.
INSERT INTO loads AS load (service) VALUES (%(service)s)
ON CONFLICT (service) DO UPDATE SET
    calls = CASE
        WHEN load.renewed < clock_timestamp() - %(forgotten)s * interval '1 second' THEN NULL
        WHEN %(fell_after)s = load.falls THEN greatest(1, floor(%(fall)s * least(load.calls, %(fell_from)s + (
            SELECT coalesce(sum(wanted), 0) FROM allowances
            WHERE service = %(service)s AND process <> %(process)s
                AND renewed > clock_timestamp() - %(lease)s * interval '1 second'))))
        ELSE sqrt(load.calls * load.calls + 2 * %(answers)s)
    END,
    falls = load.falls + coalesce((%(fell_after)s = load.falls)::int, 0),
    renewed = clock_timestamp();

DELETE FROM allowances
WHERE service = %(service)s AND renewed < clock_timestamp() - %(lease)s * interval '1 second';

-- The share of this process: max-min fair, so that nobody has more than it wants, and whoever has less than it wants
-- has as much as anybody (to one call, which goes around). What others still hold has to come free first.
WITH load AS (
    SELECT calls, falls, floor(calls)::bigint AS room FROM loads WHERE service = %(service)s
), others AS (
    SELECT * FROM allowances
    WHERE service = %(service)s AND process <> %(process)s AND (SELECT calls FROM load) IS NOT NULL -- else none is read
), wants AS (
    SELECT process, wanted FROM others UNION ALL SELECT %(process)s, %(wanted)s
), filled AS (
    SELECT wanted, sum(wanted) OVER rising - wanted AS before, row_number() OVER rising - 1 AS place,
        count(*) OVER () AS processes
    FROM wants WINDOW rising AS (ORDER BY wanted, process ROWS UNBOUNDED PRECEDING)
), level AS (
    SELECT max(div(room - before, processes - place))::bigint AS level FROM filled, load
), spare AS (
    SELECT max(room) - sum(least(wanted, level)) AS spare FROM wants, level, load
), hungry AS (
    SELECT process, row_number() OVER (ORDER BY process) AS place, count(*) OVER () AS processes
    FROM wants, level WHERE wanted > level
), more AS (
    SELECT count(*) AS more FROM hungry, spare
    WHERE process = %(process)s
        AND mod(place + floor(extract(epoch FROM clock_timestamp()) / %(round)s)::bigint, processes) < spare
), held AS (
    SELECT coalesce(sum(greatest(used, allowed)), 0)::bigint AS held FROM others
)
INSERT INTO allowances (service, process, wanted, used, allowed, renewed)
SELECT %(service)s, %(process)s, %(wanted)s, %(used)s,
    CASE WHEN room IS NOT NULL THEN greatest(0, least(%(wanted)s, level + more, room - held)) END, clock_timestamp()
FROM load, level, more, held
ON CONFLICT (service, process) DO UPDATE SET
    wanted = excluded.wanted, used = excluded.used, allowed = excluded.allowed, renewed = excluded.renewed
RETURNING allowed, (SELECT calls FROM load), (SELECT falls FROM load);
