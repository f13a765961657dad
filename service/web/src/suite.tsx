// A suite's history: the score of each grader, run after run, and where its dataset or configuration changed.

import { useMemo } from "preact/hooks";
import { api } from "./api.ts";
import type { Run, Started } from "./documents.ts";
import { scoreAgainst, threshold, when } from "./format.ts";
import { knownRun, knownStart } from "./known.ts";
import { useLoaded } from "./loading.ts";
import { Plot, type Line } from "./plot.tsx";
import { toCompare, toRun, toRuns } from "./route.ts";
import { Missing, Note } from "./states.tsx";
import { StatusMark } from "./status.tsx";

const LAST = 60;
const EVERY_MS = 5000;
const COLOURS = 6;

interface Past {
  run: Run;
  changed: string[];
}

export function SuiteScreen({ suite }: { suite: string }) {
  const loaded = useLoaded(suite, (signal) => readHistory(suite, signal), () => EVERY_MS);
  const past = loaded.value;
  return (
    <>
      <div class="head">
        <h1>{suite}</h1>
        <a class="button" href={toRuns({ suite })}>
          All its runs
        </a>
      </div>
      {!past ? <Missing what="history" loaded={loaded} /> : <History suite={suite} past={past} />}
    </>
  );
}

function History({ suite, past }: { suite: string; past: Past[] }) {
  const names = past.map(({ run }) => run.run_id).join();
  const lines = useMemo(() => linesOf(past, suite), [names]);
  const times = useMemo(() => past.map(({ run }) => Date.parse(run.started_at) / 1000), [names]);
  const marks = useMemo(() => past.flatMap((one, index) => (one.changed.length ? [index] : [])), [names]);
  if (past.length === 0) return <Note title="No run of this suite has come to a verdict yet." />;
  return (
    <>
      <Plot times={times} lines={lines} marks={marks} />
      <p class="facts legend">
        {lines.map((line) => (
          <span>
            <i class={`series-${line.colour}`} /> {line.label}
          </span>
        ))}
        <span class="dim">shaded: interval · dashed: threshold</span>
        {marks.length > 0 && <span class="warn">┊ dataset or configuration changed</span>}
      </p>
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Started</th>
            <th scope="col">Status</th>
            {lines.map((line) => (
              <th scope="col" class="number label">
                {line.label}
              </th>
            ))}
            <th scope="col">Changed since the run before</th>
          </tr>
        </thead>
        <tbody>
          {past.map((one, index) => (
            <Before one={one} before={past[index - 1]} lines={lines} index={index} />
          )).reverse()}
        </tbody>
      </table>
    </>
  );
}

function Before({ one, before, lines, index }: { one: Past; before: Past | undefined; lines: Line[]; index: number }) {
  const { run, changed } = one;
  return (
    <tr>
      <td data-label="Run">
        <a class="mono" href={toRun(run.run_id)}>
          {run.run_id}
        </a>
      </td>
      <td data-label="Started" class="when">{when(run.started_at)}</td>
      <td data-label="Status">
        <StatusMark status={run.status} />
      </td>
      {lines.map((line) => {
        const [value, mark] = [line.values[index], line.thresholds[index]];
        const fails = typeof value === "number" && typeof mark === "number" && value < mark;
        return (
          <td data-label={line.label} class={`number ${fails ? "bad" : ""}`}>
            {typeof mark === "number" ? scoreAgainst(value, mark) : "–"}
            {typeof mark === "number" && <span class="dim"> / {threshold(mark)}</span>}
          </td>
        );
      })}
      <td data-label="Changed">
        {changed.length > 0 && <span class="warn">{changed.join(", ")} </span>}
        {before && <a href={toCompare(before.run.run_id, run.run_id)}>compare</a>}
      </td>
    </tr>
  );
}

async function readHistory(suite: string, signal: AbortSignal): Promise<Past[]> {
  const { runs } = await api.runs({ suite, limit: LAST }, signal);
  const over = runs.filter((run) => run.verdict).reverse();
  const read = await Promise.all(
    over.map(async (run) => ({ run: await knownRun(run.run_id), start: await knownStart(run.run_id) })),
  );
  return read.map(({ run, start }, index) => ({ run, changed: changes(read[index - 1]?.start, start, suite) }));
}

/** What differs between the beginnings of two runs. */
function changes(before: Started | undefined, start: Started, suite: string): string[] {
  if (!before) return [];
  const datasets = (one: Started) =>
    JSON.stringify(one.harnesses.filter((two) => two.suite === suite).map((two) => [two.harness, two.manifest, two.examples]));
  return [
    ...(datasets(before) === datasets(start) ? [] : ["dataset"]),
    ...(before.plan === start.plan ? [] : ["configuration"]),
    ...(before.matchspec === start.matchspec ? [] : [`matchspec ${start.matchspec}`]),
  ];
}

function linesOf(past: Past[], suite: string): Line[] {
  const rows = past.map(({ run }) => (run.grader_results ?? []).filter((row) => row.suite === suite));
  const label = (row: { name: string; harness: string | null }) => (row.harness ? `${row.name} · ${row.harness}` : row.name);
  const labels = [...new Set(rows.flat().map(label))];
  return labels.map((name, index) => {
    const own = rows.map((some) => some.find((row) => label(row) === name));
    return {
      label: name,
      colour: index % COLOURS,
      values: own.map((row) => row?.score ?? null),
      low: own.map((row) => row?.ci_lower ?? null),
      high: own.map((row) => row?.ci_upper ?? null),
      thresholds: own.map((row) => row?.threshold ?? null),
    };
  });
}
