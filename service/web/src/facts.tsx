// Warnings, errors, tokens and cost of a run.

import type { Run } from "./documents.ts";
import { count, money } from "./format.ts";
import { Note } from "./states.tsx";

export function Facts({ run }: { run: Run }) {
  const facts: [string, string][] = [];
  if (run.model_errors !== undefined) facts.push(["Model errors", count(run.model_errors)]);
  if (run.grader_errors !== undefined) facts.push(["Grader errors", count(run.grader_errors)]);
  if (run.usage) facts.push(["Tokens in", count(run.usage.input_tokens)], ["Tokens out", count(run.usage.output_tokens)]);
  if (run.cost !== undefined) facts.push(["Cost", money(run.cost)]);
  return (
    <>
      {(run.warnings ?? []).length > 0 && (
        <Note kind="warn" title="What to know">
          <ul>
            {run.warnings?.map((warning) => (
              <li>{warning}</li>
            ))}
          </ul>
        </Note>
      )}
      {facts.length > 0 && (
        <dl class="numbers-row">
          {facts.map(([name, value]) => (
            <div>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
