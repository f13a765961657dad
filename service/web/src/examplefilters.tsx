// Which examples are shown; kept in the address.

import { useEffect, useState } from "preact/hooks";
import type { ExampleQuery } from "./api.ts";
import type { Run } from "./documents.ts";
import { setQuery, type Place } from "./route.ts";
import { wait } from "./wait.ts";

const NAMES = ["passed", "error", "grader", "harness", "tag", "text"] as const;
const TYPING_MS = 300;

const RESULTS: Record<string, { passed?: string; error?: string }> = {
  passed: { passed: "true" },
  failed: { passed: "false" },
  "any error": { error: "true" },
  "no answer": { error: "model" },
  "not graded": { error: "grader" },
};

export function readFilters(place: Place): ExampleQuery {
  return Object.fromEntries(NAMES.flatMap((name) => (place.query[name] ? [[name, place.query[name]]] : [])));
}

export function ExampleFilters({ run, place }: { run: Run; place: Place }) {
  const { passed, error, grader } = place.query;
  const result = Object.entries(RESULTS).find(([, one]) => one.passed === passed && one.error === error)?.[0];
  const graders = [...new Set([...(run.grader_results ?? []), ...(run.informational ?? [])].map((row) => row.name))];
  const names = graders.filter((name) => name !== "overall" && name !== "baseline");
  return (
    <div class="filters" role="group" aria-label="Filters of examples">
      <label>
        Result
        <select
          value={result ?? ""}
          onChange={(event) =>
            setQuery(place, { passed: undefined, error: undefined, ...RESULTS[event.currentTarget.value] })
          }
        >
          <option value="">any</option>
          {Object.keys(RESULTS).map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
      {names.length > 1 && (
        <label>
          Failed by
          <select value={grader ?? ""} onChange={(event) => setQuery(place, { grader: event.currentTarget.value })}>
            <option value="">any grader</option>
            {names.map((name) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <TextFilter place={place} name="tag" label="Tag" />
      <TextFilter place={place} name="text" label="Text" />
    </div>
  );
}

function TextFilter({ place, name, label }: { place: Place; name: "tag" | "text"; label: string }) {
  const given = place.query[name] ?? "";
  const [typed, setTyped] = useState(given);
  useEffect(() => setTyped(given), [given]);
  useEffect(() => {
    if (typed === given) return;
    const stop = new AbortController();
    void wait(TYPING_MS, stop.signal).then(() => !stop.signal.aborted && setQuery(place, { [name]: typed }));
    return () => stop.abort();
  }, [typed]);
  return (
    <label>
      {label}
      <input type="search" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
    </label>
  );
}
