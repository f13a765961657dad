// The faces of what is not there: loading, empty, refused, gone.

import type { ComponentChildren } from "preact";
import { Gone } from "./api.ts";
import type { Loaded } from "./loading.ts";

export function Note(props: { kind?: "plain" | "bad" | "warn"; title: string; children?: ComponentChildren }) {
  return (
    <div class={`note ${props.kind ?? "plain"}`}>
      <strong>{props.title}</strong>
      {props.children && <div>{props.children}</div>}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  );
}

/** What stands in for something loaded until it is there. */
export function Missing<T>({ what, loaded }: { what: string; loaded: Loaded<T> }) {
  if (!loaded.error) return <Loading what={what} />;
  if (loaded.error instanceof Gone) return <p class="loading">Waiting for the server …</p>;
  return (
    <Note kind="bad" title={`The ${what} can't be shown.`}>
      <p>{loaded.error.message}</p>
      <button type="button" onClick={loaded.reload}>
        Try again
      </button>
    </Note>
  );
}
