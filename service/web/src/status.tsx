// A run's status, in a word and a colour.

import type { Status } from "./documents.ts";

const SIGNS: Record<Status, string> = { running: "◌", passed: "✓", failed: "✗", error: "!", cancelled: "–" };

export function StatusMark({ status }: { status: Status }) {
  return (
    <span class={`status ${status}`}>
      <span aria-hidden="true">{SIGNS[status]}</span> {status}
    </span>
  );
}
