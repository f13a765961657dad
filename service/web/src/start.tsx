// Starts a run.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Wanted } from "./api.ts";
import type { Suite } from "./documents.ts";
import { toRun } from "./route.ts";

export function StartForm({ suites, close }: { suites: Suite[]; close: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
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
        <select name="suite" ref={first}>
          {suites.map((suite) => (
            <option value={suite.name}>{suite.name}</option>
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

function readWanted(form: HTMLFormElement): Wanted {
  const read = (name: string) => String(new FormData(form).get(name) ?? "").trim();
  const tags = read("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
  const concurrency = read("concurrency");
  return {
    ...(read("suite") && { suite: read("suite") }),
    ...(tags.length > 0 && { tags }),
    ...(concurrency && { concurrency: Number(concurrency) }),
  };
}
