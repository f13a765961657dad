// Starts a run.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Wanted } from "./api.ts";
import type { Suite } from "./documents.ts";
import { ago } from "./format.ts";
import { useLoaded } from "./loading.ts";
import { toRun } from "./route.ts";

/** How many runs one may choose a baseline from. */
const BASELINES = 100;

export function StartForm({ suites, close }: { suites: Suite[]; close: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [picked, setPicked] = useState<string>();
  const suite = picked ?? suites[0]?.name ?? "";
  const first = useRef<HTMLSelectElement>(null);
  useEffect(() => first.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    try {
      const run = await api.start(readWanted(event.currentTarget as HTMLFormElement));
      location.hash = toRun(run.run_id);
    } catch (refused) {
      setError((refused as Error).message);
      setBusy(false);
    }
  }

  return (
    <form class="card start" onSubmit={submit} aria-label="Start a run">
      <label>
        Suite
        <select name="suite" ref={first} value={suite} onChange={(event) => setPicked(event.currentTarget.value)}>
          {suites.map(({ name }) => (
            <option value={name}>{name}</option>
          ))}
          <option value="">all suites</option>
        </select>
      </label>
      <label>
        Tags
        <input name="tags" placeholder="any of these, with commas" autocomplete="off" />
      </label>
      <label>
        Calls at once
        <input name="concurrency" type="number" min="1" max="100000" placeholder="as configured" />
      </label>
      <Baseline key={suite} suite={suite} />
      <div class="inline">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Starting …" : "Start"}
        </button>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      <p class="bad" role="alert">
        {error}
      </p>
    </form>
  );
}

/** A run of the suite that is over, which the new one must not be worse than. */
function Baseline({ suite }: { suite: string }) {
  const { value } = useLoaded(`baselines ${suite}`, (signal) => api.runs({ limit: BASELINES, ...(suite && { suite }) }, signal));
  const over = (value?.runs ?? []).filter((run) => run.verdict && (run.suite ?? "") === suite);
  return (
    <label>
      No worse than
      <select name="baseline" title="Fails where a deciding grader is worse than in this run">
        <option value="">no baseline</option>
        {over.map((run) => (
          <option value={run.run_id}>
            {run.status} · {ago(run.started_at, Date.now())} · {run.run_id}
          </option>
        ))}
      </select>
    </label>
  );
}

function readWanted(form: HTMLFormElement): Wanted {
  const read = (name: string) => String(new FormData(form).get(name) ?? "").trim();
  const tags = read("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
  const concurrency = read("concurrency");
  return {
    ...(read("suite") && { suite: read("suite") }),
    ...(tags.length > 0 && { tags }),
    ...(read("baseline") && { baseline: read("baseline") }),
    ...(concurrency && { concurrency: Number(concurrency) }),
  };
}
