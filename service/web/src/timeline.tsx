// A run's events, and the way back to any of them.

import { useEffect, useState } from "preact/hooks";
import type { LogEvent, Run } from "./documents.ts";
import { count, score } from "./format.ts";
import { setQuery, type Place } from "./route.ts";
import { readSome } from "./stream.ts";
import { wait } from "./wait.ts";

const SHOWN = 7;
const AFTER_MS = 200;

interface Props {
  run: Run;
  last: number;
  at: number | undefined;
  place: Place;
  newest: LogEvent[];
}

export function Timeline({ run, last, at, place, newest }: Props) {
  const [open, setOpen] = useState(at !== undefined);
  const [wanted, setWanted] = useState(at);
  useEffect(() => setWanted(at), [at]);
  useEffect(() => {
    if (wanted === at) return;
    const stop = new AbortController();
    void wait(AFTER_MS, stop.signal).then(() => !stop.signal.aborted && setQuery(place, { at: asQuery(wanted) }));
    return () => stop.abort();
  }, [wanted]);
  const asQuery = (event: number | undefined) => (event === undefined || event >= last ? undefined : String(event));
  const pick = (event: Event) => setWanted(Number((event.currentTarget as HTMLInputElement).value));
  const now = wanted ?? last;
  return (
    <details class="timeline" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Events <span class="dim">{last ? count(last) : "…"}</span>
      </summary>
      {last > 1 && (
        <div class="inline">
          <label for="at">As of event</label>
          <input id="at" type="range" min="1" max={last} value={now} onInput={pick} />
          <input aria-label="Event" type="number" min="1" max={last} value={now} onChange={pick} />
        </div>
      )}
      {open && <Around run={run} middle={wanted} last={last} newest={newest} pick={setWanted} />}
    </details>
  );
}

interface AroundProps {
  run: Run;
  middle: number | undefined;
  last: number;
  newest: LogEvent[];
  pick: (event: number) => void;
}

/** The events around one; the newest of a run that is on. */
function Around({ run, middle, last, newest, pick }: AroundProps) {
  const [found, setFound] = useState<LogEvent[]>([]);
  const live = middle === undefined && run.status === "running";
  const first = Math.max(0, Math.min((middle ?? last) - Math.ceil(SHOWN / 2), last - SHOWN));
  useEffect(() => {
    if (live || last === 0) return;
    const stop = new AbortController();
    readSome(run.run_id, first, SHOWN, stop.signal).then(setFound, () => undefined);
    return () => stop.abort();
  }, [run.run_id, first, live, last === 0]);
  const shown = live ? newest.slice(-SHOWN) : found;
  return (
    <ol class="events">
      {shown.map((event) => (
        <li key={event.version} aria-current={event.version === (middle ?? last) ? "step" : undefined}>
          <button type="button" class="quiet number" onClick={() => pick(event.version)}>
            {count(event.version)}
          </button>
          <time dateTime={event.at}>{event.at.slice(11, 23)}</time>
          <span class="type">{event.type.replaceAll("_", " ")}</span>
          <span class="what">{tell(event)}</span>
        </li>
      ))}
    </ol>
  );
}

function tell({ type, body }: LogEvent): string {
  switch (type) {
    case "started":
      return `matchspec ${body.matchspec}, mode ${body.mode}`;
    case "example_answered":
      return `${body.harness} · ${body.example}`;
    case "example_scored":
      return `${body.harness} · ${body.example} · ${body.error ? "no answer" : tellScores(body.scores as Record<string, number>)}`;
    case "resumed":
      return `after a ${body.after}, ${body.left} left`;
    case "cancel_requested":
      return body.client ? `by ${body.client}` : "";
    case "finished":
      return [body.status, body.verdict].filter(Boolean).join(", ");
    default:
      return "";
  }
}

const tellScores = (scores: Record<string, number>): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${score(value)}`)
    .join(", ");
