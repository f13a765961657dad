// One example: input, expected and output side by side, and what every grader said.

import { useEffect, useRef, useState } from "preact/hooks";
import { compareTexts } from "./difference.ts";
import type { Asking, Example, Run } from "./documents.ts";
import { kindOf, resultOf } from "./exampleresult.ts";
import type { Brief, ExampleList } from "./examplelist.ts";
import { count, score, scoreAgainst, threshold } from "./format.ts";
import { Text } from "./text.tsx";

/** As the verdict is made: decimals mean what they say. */
const TOLERANCE = 1e-9;

interface Props {
  run: Run;
  list: ExampleList;
  brief: Brief;
  place: string;
  move: (step: number) => void;
  close: () => void;
}

export function ExampleDialog({ run, list, brief, place, move, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [example, setExample] = useState<Example>();
  useEffect(() => {
    let looked = true;
    list.whole(brief.place).then((found) => looked && setExample(found), () => undefined);
    return () => void (looked = false);
  }, [brief.place]);
  useEffect(() => dialog.current?.showModal(), []);
  const press = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLTextAreaElement) return;
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
  };
  return (
    <dialog ref={dialog} class="example" aria-labelledby="example-id" onClose={close} onKeyDown={press}>
      <header class="head">
        <div>
          <h2 id="example-id" class="mono">
            {brief.id}
          </h2>
          <p class="dim facts">
            <span class={kindOf(brief)}>{resultOf(brief)}</span>
            <span>{brief.harness}</span>
            <span>{place}</span>
          </p>
        </div>
        <div class="actions">
          <button type="button" onClick={() => move(-1)} aria-label="Previous example">
            ←
          </button>
          <button type="button" onClick={() => move(1)} aria-label="Next example">
            →
          </button>
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
      </header>
      {example ? <Whole example={example} run={run} /> : <p class="loading">Loading …</p>}
    </dialog>
  );
}

function Whole({ example, run }: { example: Example; run: Run }) {
  const askings: Asking[] = example.repeats ?? [example];
  return (
    <>
      {askings.map((asking, index) => (
        <section>
          {example.repeats && <h3>Repeat {index + 1}</h3>}
          <Texts input={example.input} expected={example.expected} output={asking.output} error={asking.error} />
          <Scores asking={asking} needs={(name) => mark(run, example, name)} />
        </section>
      ))}
      {example.tags.length > 0 && <p class="facts dim">{example.tags.map((tag) => <span class="tag">{tag}</span>)}</p>}
      {example.metadata && <Detail name="Metadata" value={example.metadata} />}
    </>
  );
}

function Texts(props: { input: string; expected: string; output: string | null; error: string | undefined }) {
  const [expected, output] = compareTexts(props.expected, props.output ?? props.expected);
  return (
    <div class="texts">
      <Text name="Input" pieces={[{ text: props.input, same: true }]} kind="" />
      <Text name="Expected" pieces={expected} kind="missing" />
      {props.output === null ? (
        <div>
          <h3>Output</h3>
          <p class="bad said-why">No answer: {props.error}</p>
        </div>
      ) : (
        <Text name="Output" pieces={output} kind="added" />
      )}
    </div>
  );
}

/** What an example's score is held to by a grader; undefined where that grader does not decide. */
function mark(run: Run, example: Example, name: string): number | undefined {
  const rows = (run.grader_results ?? []).filter((row) => row.name === name && row.suite === example.suite);
  const row = rows.find((one) => one.harness === example.harness) ?? rows.find((one) => one.harness === null);
  return row?.pass_at ?? row?.threshold;
}

function Scores({ asking, needs }: { asking: Asking; needs: (grader: string) => number | undefined }) {
  const names = [...new Set([...Object.keys(asking.scores), ...Object.keys(asking.errors ?? {})])];
  return (
    <>
      <dl class="scores">
        {names.map((name) => (
          <div>
            <dt>{name}</dt>
            <dd>
              {asking.errors?.[name] ? (
                <span class="warn">{asking.errors[name]}</span>
              ) : (
                <Score value={asking.scores[name]} needs={needs(name)} />
              )}
              {asking.details?.[name] !== undefined && <Detail name="detail" value={asking.details[name]} />}
            </dd>
          </div>
        ))}
      </dl>
      <p class="facts dim">
        {asking.latency_ms !== undefined && <span>{count(Math.round(asking.latency_ms))} ms</span>}
        {asking.attempts !== undefined && asking.attempts > 1 && <span>{asking.attempts} attempts</span>}
        {asking.usage && (
          <span>
            {count(asking.usage.input_tokens)} tokens in, {count(asking.usage.output_tokens)} out
          </span>
        )}
        {asking.secrets && <span>secrets replaced: {asking.secrets.join(", ")}</span>}
      </p>
    </>
  );
}

function Score({ value, needs }: { value: number | undefined; needs: number | undefined }) {
  if (value === undefined || needs === undefined) return <>{score(value)}</>;
  return (
    <>
      <span class={value >= needs - TOLERANCE ? "good" : "bad"}>{scoreAgainst(value, needs)}</span>{" "}
      <span class="dim">needs {threshold(needs)}</span>
    </>
  );
}

function Detail({ name, value }: { name: string; value: unknown }) {
  return (
    <details>
      <summary>{name}</summary>
      <pre tabIndex={0}>{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>
    </details>
  );
}
