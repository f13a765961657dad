-- Reserves the next turns of a rate, evenly spaced (the generic cell rate algorithm, with no burst); gives the seconds
-- until the first of them.
INSERT INTO rates AS rate (rate, free)
VALUES (%(rate)s, clock_timestamp() + %(count)s * %(interval)s * interval '1 second')
ON CONFLICT (rate) DO UPDATE SET
    free = greatest(rate.free, clock_timestamp()) + %(count)s * %(interval)s * interval '1 second'
RETURNING extract(epoch FROM free - clock_timestamp())::float8 - %(count)s * %(interval)s
