// Each suite with a small plot of its last scores.

import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import type { Listed, Run, Suite } from "./documents.ts";
import { scoreAgainst, threshold } from "./format.ts";
import { knownRun } from "./known.ts";
import { toSuite } from "./route.ts";
import { tightest } from "./runtable.tsx";

const LAST = 20;
const MOST_CARDS = 8;

export function SuiteCards({ suites, latest }: { suites: Suite[]; latest: Listed | undefined }) {
  return (
    <div class="suites">
      {suites.slice(0, MOST_CARDS).map((suite) => (
        <SuiteCard key={suite.name} name={suite.name} latest={latest} />
      ))}
    </div>
  );
}

function SuiteCard({ name, latest }: { name: string; latest: Listed | undefined }) {
  const [runs, setRuns] = useState<Run[]>();
  useEffect(() => {
    const stop = new AbortController();
    lastRuns(name, stop.signal).then(setRuns, () => undefined);
    return () => stop.abort();
  }, [name, latest?.run_id, latest?.status]);
  const points = (runs ?? []).flatMap((run) => tightest(run.grader_results ?? []) ?? []);
  const last = points.at(-1);
  return (
    <a class="card suite" href={toSuite(name)}>
      <span class="name">{name}</span>
      <Spark scores={points.map((row) => row.score ?? null)} threshold={last?.threshold} />
      <span class="dim">
        {last ? `${last.name} ${scoreAgainst(last.score, last.threshold)} / ${threshold(last.threshold)}` : runs ? "no runs yet" : "…"}
      </span>
    </a>
  );
}

async function lastRuns(suite: string, signal: AbortSignal): Promise<Run[]> {
  const { runs } = await api.runs({ suite, limit: LAST }, signal);
  return Promise.all(
    runs
      .filter((run) => run.verdict)
      .reverse()
      .map((run) => knownRun(run.run_id)),
  );
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
