// What can be done with a run: cancel it, grade it anew, compare it, take it along.

import { useState } from "preact/hooks";
import { api, ofRun, request, withQuery } from "./api.ts";
import type { Run } from "./documents.ts";
import { toCompare, toRun } from "./route.ts";

const DOWNLOADS: [string, (id: string) => string, string][] = [
  ["Results (JSON)", (id) => ofRun(id), ".json"],
  ["Events (JSON Lines)", (id) => ofRun(id, "/log"), ".jsonl"],
  ["Report (HTML)", (id) => withQuery(ofRun(id, "/report"), { format: "html" }), ".html"],
  ["Report (Markdown)", (id) => withQuery(ofRun(id, "/report"), { format: "markdown" }), ".md"],
  ["Report (JUnit)", (id) => withQuery(ofRun(id, "/report"), { format: "junit" }), ".xml"],
];

export function Actions({ run, reload }: { run: Run; reload: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);

  async function attempt(act: () => Promise<void>) {
    setError("");
    setBusy(true);
    try {
      await act();
    } catch (refused) {
      setError((refused as Error).message);
    }
    setBusy(false);
  }

  const cancel = () => attempt(async () => void (await api.cancel(run.run_id), reload()));
  const regrade = () => attempt(async () => void (location.hash = toRun((await api.regrade(run.run_id)).run_id)));
  const download = (event: Event) => {
    const select = event.currentTarget as HTMLSelectElement;
    const chosen = DOWNLOADS[Number(select.value)];
    select.value = "";
    if (chosen) void attempt(() => save(chosen[1](run.run_id), run.run_id + chosen[2]));
  };
  return (
    <div class="actions">
      {run.status === "running" ? (
        <button type="button" class="danger" disabled={busy} onClick={cancel}>
          Cancel
        </button>
      ) : (
        <>
          <a class="button" href={toCompare(undefined, run.run_id)}>
            Compare
          </a>
          <button type="button" disabled={busy} onClick={regrade}>
            Grade anew
          </button>
          <select aria-label="Download" value="" disabled={busy} onChange={download}>
            <option value="">Download …</option>
            {DOWNLOADS.map(([name], index) => (
              <option value={index}>{name}</option>
            ))}
          </select>
        </>
      )}
      <span class="bad" role="alert">
        {error}
      </span>
    </div>
  );
}

/** Save what a path gives as a file. A link could not send the key. */
async function save(path: string, name: string): Promise<void> {
  const content = await (await request(path, { cache: "no-store" })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
