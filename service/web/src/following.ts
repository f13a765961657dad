// A run's events while they come.

import { useEffect, useRef, useState } from "preact/hooks";
import type { LogEvent, Run } from "./documents.ts";
import { follow } from "./stream.ts";

const NEWEST = 8;
const SHOW_MS = 250;
const SETTLE_MS = 2000;

export interface Followed {
  /** The last event's number. */
  last: number;
  /** The same, but not renewed more often than what is folded anew each time should be. */
  settled: number | undefined;
  newest: LogEvent[];
}

/** Follow a run that is on. Begins behind what must be there: each recorded example is at least one event. */
export function useFollowed(run: Run, ended: () => void): Followed {
  const on = run.status === "running";
  const [shown, setShown] = useState<Followed>({ last: 0, settled: undefined, newest: [] });
  const newest = useRef<LogEvent[]>([]);
  useEffect(() => {
    if (!on) return;
    const stop = new AbortController();
    let settled: number | undefined;
    let settledAt = -SETTLE_MS;
    const timer = setInterval(() => {
      const last = newest.current.at(-1)?.version ?? 0;
      if (last === 0) return;
      if (performance.now() - settledAt > SETTLE_MS && settled !== last) {
        settled = last;
        settledAt = performance.now();
      }
      setShown((old) => (old.last === last && old.settled === settled ? old : { last, settled, newest: newest.current }));
    }, SHOW_MS);
    const take = (events: LogEvent[]) => void (newest.current = [...newest.current, ...events].slice(-NEWEST));
    follow(run.run_id, run.progress?.completed ?? 0, take, stop.signal).then(
      () => !stop.signal.aborted && ended(),
      () => undefined,
    );
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [run.run_id, on]);
  return shown;
}
