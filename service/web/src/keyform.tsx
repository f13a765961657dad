// Asks for the server's key.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, Refusal } from "./api.ts";
import { access, keepKey } from "./key.ts";

export function KeyForm({ wrong }: { wrong: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => field.current?.focus(), [wrong]);

  async function submit(event: Event) {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (!key || !/^[\x21-\x7e]+$/.test(key)) return access.set("wrong");
    setBusy(true);
    keepKey(key);
    try {
      await api.suites();
      access.set("open");
    } catch (error) {
      if (error instanceof Refusal && error.status !== 401) access.set("open");
    }
    setBusy(false);
  }

  return (
    <form class="card keyform" onSubmit={submit}>
      <h1>This server has a key</h1>
      <p class="dim">It is what MATCHSPEC_API_KEY was set to when the server was started. It is kept for this tab only.</p>
      <label for="key">Key</label>
      <div class="inline">
        <input
          id="key"
          ref={field}
          type="password"
          autocomplete="off"
          required
          aria-invalid={wrong}
          aria-describedby="key-wrong"
        />
        <button type="submit" class="primary" disabled={busy}>
          Open
        </button>
      </div>
      <p id="key-wrong" class="bad" role="alert">
        {wrong && "The server refused this key."}
      </p>
    </form>
  );
}
