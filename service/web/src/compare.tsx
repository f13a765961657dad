// Two runs, example by example: what the numbers say in a word, and which examples turned.

import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import { compareTexts } from "./difference.ts";
import type { ComparedRow, Comparison, Flip, Listed } from "./documents.ts";
import { Text } from "./text.tsx";
import { ago, count, counted, score, signed, suiteOf } from "./format.ts";
import { useLoaded } from "./loading.ts";
import { setQuery, toRun, type Place } from "./route.ts";
import { Missing, Note } from "./states.tsx";

const CHOICES = 200;
const LEFT_OUT = {
  changed: "whose input or expected text differs",
  ungraded: "without a score in one of the runs",
  base_only: "only in the base",
  head_only: "only in the head",
};

export function Compare({ place }: { place: Place }) {
  const { base, head } = place.query;
  const runs = useLoaded("runs to compare", (signal) => api.runs({ limit: CHOICES }, signal));
  const over = (runs.value?.runs ?? []).filter((run) => run.status !== "running");
  useEffect(() => {
    if (base || !head || over.length === 0) return;
    const suite = over.find((run) => run.run_id === head);
    const before = over.slice(over.findIndex((run) => run.run_id === head) + 1);
    const found = before.find((run) => suite && suiteOf(run) === suiteOf(suite) && run.verdict);
    if (found) setQuery(place, { base: found.run_id });
  }, [base, head, over.length]);
  return (
    <>
      <h1>Compare two runs</h1>
      <div class="filters pair">
        <Choice label="Base" text="compare with" name="base" place={place} runs={over} />
        <Choice label="Head" text="the one to judge" name="head" place={place} runs={over} />
        <button type="button" disabled={!base || !head} onClick={() => setQuery(place, { base: head, head: base })}>
          Swap
        </button>
      </div>
      {base && head ? <Compared base={base} head={head} /> : <Note title="Choose two runs that are over." />}
    </>
  );
}

function Choice(props: { label: string; text: string; name: "base" | "head"; place: Place; runs: Listed[] }) {
  const chosen = props.place.query[props.name] ?? "";
  const listed = props.runs.some((run) => run.run_id === chosen);
  return (
    <label>
      {props.label} <span class="dim">{props.text}</span>
      <select value={chosen} onChange={(event) => setQuery(props.place, { [props.name]: event.currentTarget.value })}>
        <option value="">choose a run</option>
        {chosen && !listed && <option value={chosen}>{chosen}</option>}
        {props.runs.map((run) => (
          <option value={run.run_id}>
            {suiteOf(run)} · {run.status} · {ago(run.started_at, Date.now())} · {run.run_id}
          </option>
        ))}
      </select>
    </label>
  );
}

function Compared({ base, head }: { base: string; head: string }) {
  const loaded = useLoaded(`${base} ${head}`, (signal) => api.compare(base, head, signal));
  if (!loaded.value) return <Missing what="comparison" loaded={loaded} />;
  const found = loaded.value;
  return (
    <>
      {found.differences.length > 0 && (
        <Note kind="warn" title="The runs differ in more than their outputs.">
          <ul>
            {found.differences.map((one) => (
              <li>{one}</li>
            ))}
          </ul>
        </Note>
      )}
      {found.shared === 0 ? <Nothing found={found} /> : <Told found={found} />}
    </>
  );
}

function Nothing({ found }: { found: Comparison }) {
  return (
    <>
      <Note title="There is nothing to compare: no example was graded in both runs." />
      <LeftOut found={found} />
    </>
  );
}

function Told({ found }: { found: Comparison }) {
  return (
    <>
      <p class={`word ${kindOf(found.word)}`}>
        {found.word}
        <span class="dim">over {counted(found.shared, "example")} that both runs graded</span>
      </p>
      <div class="scroll" role="region" aria-label="Differences" tabIndex={0}>
        <Differences found={found} />
      </div>
      <LeftOut found={found} />
      <Flips found={found} />
    </>
  );
}

const kindOf = (word: string): string => (word === "better" ? "good" : word === "worse" ? "bad" : "plain");

function Differences({ found }: { found: Comparison }) {
  return (
    <table class="differences">
      <thead>
        <tr>
          <th scope="col">Grader</th>
          <th scope="col">Word</th>
          <th scope="col" class="number">Base</th>
          <th scope="col" class="number">Head</th>
          <th scope="col">Difference and interval</th>
          <th scope="col" class="number">Wins</th>
          <th scope="col" class="number">Losses</th>
          <th scope="col" class="number">Ties</th>
          <th scope="col" class="number">p</th>
          <th scope="col" class="number">Detectable</th>
        </tr>
      </thead>
      <tbody>
        {found.rows.map((row) => (
          <Difference row={row} name={row.name ?? ""} />
        ))}
        <Difference row={found.overall} name="examples that passed" />
      </tbody>
    </table>
  );
}

function Difference({ row, name }: { row: ComparedRow; name: string }) {
  return (
    <tr>
      <th scope="row">
        {name} {row.harness && <span class="dim">{row.harness}</span>}
        {row.decides === false && <span class="dim"> does not decide</span>}
      </th>
      <td class={kindOf(row.word)}>{row.word}</td>
      <td data-label="base" class="number">{score(row.base_mean)}</td>
      <td data-label="head" class="number">{score(row.head_mean)}</td>
      <td data-label="Difference">
        <span class="difference">
          <Span row={row} />
          <span class="number">
            {signed(row.difference)}{" "}
            <span class="dim">
              {signed(row.ci_lower)} to {signed(row.ci_upper)}
            </span>
          </span>
        </span>
      </td>
      <td data-label="wins" class="number">{count(row.wins)}</td>
      <td data-label="losses" class="number">{count(row.losses)}</td>
      <td data-label="ties" class="number">{count(row.ties)}</td>
      <td data-label="p" class="number">{typeof row.p_value === "number" ? row.p_value.toPrecision(2) : "–"}</td>
      <td data-label="detectable" class="number">{score(row.detectable)}</td>
    </tr>
  );
}

/** The interval of a difference around nothing. */
function Span({ row }: { row: ComparedRow }) {
  const { difference, ci_lower: low, ci_upper: high } = row;
  if (typeof difference !== "number" || typeof low !== "number" || typeof high !== "number") return null;
  const x = (value: number) => 50 + Math.max(-1, Math.min(1, value)) * 50;
  return (
    <svg class={`span ${kindOf(row.word)}`} viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="9" width="100" height="2" />
      <line class="zero" x1="50" x2="50" y1="2" y2="18" />
      <rect class="interval" x={x(low)} y="7" width={Math.max(0.8, x(high) - x(low))} height="6" />
      <line class="mean" x1={x(difference)} x2={x(difference)} y1="4" y2="16" />
    </svg>
  );
}

function LeftOut({ found }: { found: Comparison }) {
  const some = Object.entries(LEFT_OUT).filter(([name]) => found.left_out[name as keyof typeof LEFT_OUT].total > 0);
  if (some.length === 0) return null;
  return (
    <ul class="dim left-out">
      {some.map(([name, text]) => (
        <li>
          Left out: {counted(found.left_out[name as keyof typeof LEFT_OUT].total, "example")} {text}.
        </li>
      ))}
    </ul>
  );
}

function Flips({ found }: { found: Comparison }) {
  const { flips, base, head } = found;
  if (flips.length === 0) return <Note title="No example turned: none passes in one run and fails in the other." />;
  const turned = byExample(flips);
  return (
    <section aria-label="Examples that turned">
      <h2>
        Examples that turned{" "}
        <span class="dim">
          {found.flips_total > flips.length && "the first "}
          {count(turned.length)}
        </span>
      </h2>
      <p class="dim facts">
        <span>
          base <a href={toRun(base.run_id)}>{base.run_id}</a>
        </span>
        <span>
          head <a href={toRun(head.run_id)}>{head.run_id}</a>
        </span>
      </p>
      <ul class="flips">
        {turned.map((some) => (
          <TurnedLine flips={some} />
        ))}
      </ul>
    </section>
  );
}

/** The flips of each example together; first the examples that turned to the worse. */
function byExample(flips: Flip[]): Turned[] {
  const found = new Map<string, Turned>();
  for (const flip of flips) {
    const key = JSON.stringify([flip.suite, flip.harness, flip.id]);
    const there = found.get(key);
    if (there) there.push(flip);
    else found.set(key, [flip]);
  }
  return [...found.values()].sort((one, two) => Number(two.some(isWorse)) - Number(one.some(isWorse)));
}

type Turned = [Flip, ...Flip[]];

const isWorse = (flip: Flip): boolean => flip.head_score < flip.base_score;

function TurnedLine({ flips }: { flips: Turned }) {
  const [open, setOpen] = useState(false);
  const [first] = flips;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="mono">{first.id}</span>
          <Turn flips={flips.filter(isWorse)} kind="bad" word="▼ now fails" />
          <Turn flips={flips.filter((flip) => !isWorse(flip))} kind="good" word="▲ now passes" />
        </summary>
        {open && <FlipTexts flip={first} />}
      </details>
    </li>
  );
}

function Turn({ flips, kind, word }: { flips: Flip[]; kind: string; word: string }) {
  if (flips.length === 0) return null;
  const graders = flips.map((flip) => `${flip.grader} ${score(flip.base_score)} → ${score(flip.head_score)}`);
  return (
    <>
      {" "}
      <span class="turned">
        <span class={kind}>{word}</span> <span class="dim">{graders.join(", ")}</span>
      </span>
    </>
  );
}

function FlipTexts({ flip }: { flip: Flip }) {
  const [base, head] = compareTexts(flip.base_output ?? "", flip.head_output ?? "");
  const plain = (text: string) => [{ text, same: true }];
  return (
    <div class="texts four">
      <Text name="Input" pieces={plain(flip.input)} kind="" />
      <Text name="Expected" pieces={plain(flip.expected)} kind="" />
      <Text name="Base's output" pieces={base} kind="missing" />
      <Text name="Head's output" pieces={head} kind="added" />
    </div>
  );
}
