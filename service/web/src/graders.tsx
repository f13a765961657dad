// What a run came to: a line for each grader, the interval of its score, and its threshold.

import type { Information, Row, Run } from "./documents.ts";
import { count, lowerEndDecides, score, scoreAgainst, threshold } from "./format.ts";
import { Meter } from "./meter.tsx";

export function Graders({ run, soFar }: { run: Run; soFar: boolean }) {
  const rows = run.grader_results ?? [];
  if (rows.length === 0) return null;
  const several = new Set(rows.map((row) => row.suite)).size > 1;
  return (
    <section aria-label="Graders">
      <h2>
        {soFar ? "Graders so far" : "Graders"} {run.verdict && <span class={`verdict ${run.verdict}`}>{run.verdict}</span>}
      </h2>
      <ul class="graders">
        {rows.map((row) => (
          <GraderRow row={row} several={several} soFar={soFar} />
        ))}
        {(run.informational ?? []).map((row) => (
          <GraderRow row={row} several={several} soFar={soFar} />
        ))}
      </ul>
    </section>
  );
}

function GraderRow({ row, several, soFar }: { row: Row | Information; several: boolean; soFar: boolean }) {
  const decides = "threshold" in row;
  const place = [several ? row.suite : "", row.harness ?? ""].filter(Boolean).join(" · ");
  return (
    <li class="grader">
      <div class="name">
        {decides ? <Mark row={row} pending={soFar && row.n === 0} /> : <span class="mark dim">i</span>} {row.name}
        {place && <span class="dim"> {place}</span>}
      </div>
      <Meter row={row} />
      <div class="numbers">
        <b>{decides ? scoreAgainst(row.score, row.threshold) : score(row.score)}</b>
        {decides ? <span class="dim">needs {threshold(row.threshold)}</span> : <span class="dim">does not decide</span>}
      </div>
      <div class="more dim">
        <span>n {count(row.n)}</span>
        {typeof row.ci_lower === "number" && (
          <span>
            interval {decides ? scoreAgainst(row.ci_lower, row.threshold) : score(row.ci_lower)} to {score(row.ci_upper)}
          </span>
        )}
        {decides && lowerEndDecides(row) && <span class="bad">the lower end of the interval is held to the threshold</span>}
        {typeof row.pass_at === "number" && <span>passes at {threshold(row.pass_at)}</span>}
        {row.pass_at_k && <span>pass@k {row.pass_at_k.map((one) => score(one)).join(", ")}</span>}
        {row.pass_all_k && <span>all of k {row.pass_all_k.map((one) => score(one)).join(", ")}</span>}
        {typeof row.disagree === "number" && <span>repeats disagree {score(row.disagree)}</span>}
      </div>
    </li>
  );
}

function Mark({ row, pending }: { row: Row; pending: boolean }) {
  const [kind, name, sign] = pending ? ["dim", "nothing graded yet", "○"] : row.passed ? ["good", "passes", "✓"] : ["bad", "fails", "✗"];
  return (
    <span class={`mark ${kind}`} role="img" aria-label={name}>
      {sign}
    </span>
  );
}
