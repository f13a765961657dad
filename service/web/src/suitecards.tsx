// Each suite with a small plot of its last scores.

import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import type { Listed, Row, Run, Suite } from "./documents.ts";
import { scoreAgainst, threshold } from "./format.ts";
import { knownRun } from "./known.ts";
import { toSuite } from "./route.ts";
import { deciding, decidingName, tightest } from "./runtable.tsx";

const LAST = 20;
const MOST_CARDS = 8;

export function SuiteCards({ suites, latest }: { suites: Suite[]; latest: Listed | undefined }) {
  const [all, setAll] = useState(false);
  return (
    <>
      <div class="suites">
        {suites.slice(0, all ? undefined : MOST_CARDS).map((suite) => (
          <SuiteCard key={suite.name} name={suite.name} latest={latest} />
        ))}
      </div>
      {suites.length > MOST_CARDS && (
        <button type="button" class="quiet more-suites" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Fewer suites" : `All ${suites.length} suites`}
        </button>
      )}
    </>
  );
}

function SuiteCard({ name, latest }: { name: string; latest: Listed | undefined }) {
  const [past, setPast] = useState<Past>();
  useEffect(() => {
    const stop = new AbortController();
    lastRuns(name, stop.signal).then(setPast, () => undefined);
    return () => stop.abort();
  }, [name, latest?.run_id, latest?.status]);
  const points = (past?.decided ?? []).flatMap((run) => tightest(run.grader_results ?? []) ?? []);
  const last = points.at(-1);
  return (
    <a class="card suite" href={toSuite(name)}>
      <span class="name" title={name}>
        {name}
      </span>
      <Spark scores={points.map((row) => row.score ?? null)} threshold={last?.threshold} />
      {last ? <Newest row={last} /> : <span class="dim">{!past ? "…" : past.any ? "no verdict yet" : "no runs yet"}</span>}
    </a>
  );
}

function Newest({ row }: { row: Row }) {
  return (
    <span class="dim newest">
      <span>
        <b class={row.passed ? "" : "bad"}>{scoreAgainst(deciding(row), row.threshold)}</b> / {threshold(row.threshold)}
      </span>
      <span class="cut" title={row.name}>
        {decidingName(row)}
      </span>
    </span>
  );
}

interface Past {
  /** Whether there was any run, also one without a verdict. */
  any: boolean;
  /** Those with a verdict, oldest first. */
  decided: Run[];
}

async function lastRuns(suite: string, signal: AbortSignal): Promise<Past> {
  const { runs } = await api.runs({ suite, limit: LAST }, signal);
  const decided = runs.filter((run) => run.verdict).reverse();
  return { any: runs.length > 0, decided: await Promise.all(decided.map((run) => knownRun(run.run_id))) };
}

function Spark({ scores, threshold: mark }: { scores: (number | null)[]; threshold: number | undefined }) {
  const all = [...scores, mark ?? null].filter((one) => one !== null);
  const [low, high] = [Math.min(...all) - 0.05, Math.max(...all) + 0.05];
  const y = (share: number) => 30 - (30 * (share - low)) / (high - low);
  const step = scores.length > 1 ? 100 / (scores.length - 1) : 0;
  const points = scores.flatMap((one, index) => (one === null ? [] : [[scores.length > 1 ? index * step : 50, y(one)] as const]));
  return (
    <svg class="spark" viewBox="-2 -2 104 34" preserveAspectRatio="none" aria-hidden="true">
      {mark !== undefined && <line class="threshold" x1="0" x2="100" y1={y(mark)} y2={y(mark)} />}
      <polyline points={points.map((point) => point.join(",")).join(" ")} />
      {points.slice(-1).map(([cx, cy]) => (
        <line class="last" x1={cx} x2={cx} y1={cy} y2={cy} />
      ))}
    </svg>
  );
}
