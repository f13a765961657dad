// A table of runs. What the listing does not tell, scores and errors, comes from each run's own document.

import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import type { Listed, Row, Run } from "./documents.ts";
import { ago, count, counted, duration, lowerEndDecides, scoreAgainst, suiteOf, threshold, when } from "./format.ts";
import { knownRun } from "./known.ts";
import { useLoaded } from "./loading.ts";
import { Meter } from "./meter.tsx";
import { toRun, toSuite } from "./route.ts";
import { StatusMark } from "./status.tsx";

const EVERY_MS = 2000;

export function RunTable({ runs }: { runs: Listed[] }) {
  return (
    <table class="runs">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Suite</th>
          <th scope="col">Status</th>
          <th scope="col">Score against threshold</th>
          <th scope="col" class="number">
            Errors
          </th>
          <th scope="col" class="number">
            Duration
          </th>
          <th scope="col" class="number">
            Started
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <RunLine key={run.run_id} run={run} />
        ))}
      </tbody>
    </table>
  );
}

/** A run's document once it is over. */
export function useEnded(listed: Listed): Run | undefined {
  const [run, setRun] = useState<Run>();
  const over = listed.status !== "running";
  useEffect(() => {
    let looked = true;
    if (over) knownRun(listed.run_id).then((found) => looked && setRun(found), () => undefined);
    return () => void (looked = false);
  }, [listed.run_id, over]);
  return run;
}

function RunLine({ run }: { run: Listed }) {
  const ended = useEnded(run);
  const errors = (ended?.model_errors ?? 0) + (ended?.grader_errors ?? 0);
  return (
    <tr>
      <td data-label="Run">
        <a class="mono" href={toRun(run.run_id)}>
          {run.run_id}
        </a>
        {run.regrades && <span class="dim"> regrade</span>}
      </td>
      <td data-label="Suite" class="suite">{run.suite ? <a href={toSuite(run.suite)}>{run.suite}</a> : suiteOf(run)}</td>
      <td data-label="Status">
        <StatusMark status={run.status} />
      </td>
      <td data-label="Score" class="score">
        {run.status === "running" ? <HowFar id={run.run_id} /> : <Tightest rows={ended?.grader_results ?? []} />}
      </td>
      <td data-label="Errors" class="number">
        {errors ? <span class="warn">{counted(errors, "error")}</span> : <span class="dim">{ended ? "none" : "–"}</span>}
      </td>
      <td data-label="Duration" class="number">
        {ended?.duration_seconds !== undefined ? duration(ended.duration_seconds) : <span class="dim">–</span>}
      </td>
      <td data-label="Started" class="number">
        <time dateTime={run.started_at} title={when(run.started_at)}>
          {ago(run.started_at, Date.now())}
        </time>
      </td>
    </tr>
  );
}

/** How many examples of a run that is on are recorded. */
function HowFar({ id }: { id: string }) {
  const { value } = useLoaded(`progress ${id}`, (signal) => api.run(id, signal), () => EVERY_MS);
  const { completed, total, percent } = value?.progress ?? {};
  if (completed === undefined) return <span class="dim">–</span>;
  return (
    <span class="tightest">
      <progress max={100} value={percent} aria-label={`Recorded examples of ${id}`} />
      <span>
        {count(completed)} <span class="dim">of {total === undefined ? "…" : count(total)}</span>
      </span>
    </span>
  );
}

/** The row that failed most, or has least room above its threshold: what the verdict hangs on. */
export function tightest(rows: Row[]): Row | undefined {
  return [...rows].sort((a, b) => Number(a.passed) - Number(b.passed) || room(a) - room(b))[0];
}

/** What a row is held to its threshold by: its score, or the lower end of its interval where that fails it. */
export const deciding = (row: Row) => (lowerEndDecides(row) ? row.ci_lower : row.score);

export const decidingName = (row: Row): string => (lowerEndDecides(row) ? `lower end, ${row.name}` : row.name);

/** How much of the way from the threshold up to 1, or down to 0, a row's score has gone. */
function room(row: Row): number {
  const above = (deciding(row) ?? 0) - row.threshold;
  return above / Math.max(1e-9, above < 0 ? row.threshold : 1 - row.threshold);
}

function Tightest({ rows }: { rows: Row[] }) {
  const row = tightest(rows);
  if (!row) return <span class="dim">–</span>;
  const name = decidingName(row);
  return (
    <span class="tightest">
      <Meter row={row} slim />
      <span class={row.passed ? "" : "bad"}>
        {scoreAgainst(deciding(row), row.threshold)} <span class="dim">/ {threshold(row.threshold)}</span>
      </span>
      <span class="dim cut" title={name}>
        {name}
      </span>
    </span>
  );
}
