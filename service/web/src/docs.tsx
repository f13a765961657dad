// The API for people, from its own description: a browser that opens /docs itself can't send a key.

import { api } from "./api.ts";
import type { Described } from "./documents.ts";
import { useLoaded } from "./loading.ts";
import { Missing } from "./states.tsx";

export function Docs() {
  const loaded = useLoaded("docs", (signal) => api.description(signal));
  if (!loaded.value) return <Missing what="the API" loaded={loaded} />;
  const { info, paths } = loaded.value;
  return (
    <>
      <h1>The HTTP API of matchspec {info.version}</h1>
      {Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods)
          .filter(([method]) => method !== "head")
          .map(([method, operation]) => <Operation name={`${method.toUpperCase()} ${path}`} operation={operation} />),
      )}
    </>
  );
}

function Operation({ name, operation }: { name: string; operation: Described }) {
  return (
    <details>
      <summary>
        <code>{name}</code> <span class="dim">{operation.summary}</span>
      </summary>
      <ul>
        {operation.parameters.map((one) => (
          <li>
            <code>{one.name}</code> <span class="dim">({one.in})</span> {one.description}
          </li>
        ))}
        {Object.entries(operation.responses).map(([status, answer]) => (
          <li>
            <b>{status}</b> {answer.description} <span class="dim">{Object.keys(answer.content ?? {}).join(", ")}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
