// One run: how far it is, what it came to, its examples, its events; now or as of an event.

import { useState } from "preact/hooks";
import { api } from "./api.ts";
import type { Run } from "./documents.ts";
import { counted, duration, suiteOf, when } from "./format.ts";
import { Actions } from "./actions.tsx";
import { ExampleTable } from "./examples.tsx";
import { Facts } from "./facts.tsx";
import { Graders } from "./graders.tsx";
import { useFollowed } from "./following.ts";
import { useLoaded } from "./loading.ts";
import { ProgressBar } from "./progress.tsx";
import { setQuery, toRun, toSuite, type Place } from "./route.ts";
import { Loading, Missing, Note } from "./states.tsx";
import { StatusMark } from "./status.tsx";
import { Timeline } from "./timeline.tsx";

const EVERY_MS = 1000;

export function RunScreen({ place }: { place: Place }) {
  const id = place.name;
  const loaded = useLoaded(
    id,
    (signal) => api.run(id, signal),
    (run) => (run.status === "running" ? EVERY_MS : null),
  );
  if (!loaded.value) return <Missing what={`run ${id}`} loaded={loaded} />;
  return <Shown run={loaded.value} place={place} reload={loaded.reload} />;
}

function Shown({ run, place, reload }: { run: Run; place: Place; reload: () => void }) {
  const followed = useFollowed(run, reload);
  const at = Number(place.query.at) || undefined;
  const over = run.status !== "running";
  const then = useThen(run, at ?? (over ? undefined : followed.settled));
  const shown = at === undefined ? then ?? run : then;
  return (
    <>
      <Title run={run} reload={reload} />
      {run.error && (
        <Note kind="bad" title="There is no verdict.">
          {run.error}
        </Note>
      )}
      {!over && <ProgressBar run={run} />}
      {at !== undefined && <AsOf at={at} place={place} />}
      {shown ? <Graders run={shown} soFar={!over || at !== undefined} /> : <Loading what={`the run as of event ${at}`} />}
      {shown && <Facts run={shown} />}
      <Timeline run={run} last={run.log?.version ?? followed.last} at={at} place={place} newest={followed.newest} />
      {shown && (
        <ExampleTable run={shown} place={place} at={at} version={over || at !== undefined ? undefined : followed.settled ?? 0} />
      )}
    </>
  );
}

/** The run as it stood after an event; what was there stays until the next is. */
function useThen(run: Run, at: number | undefined): Run | undefined {
  const [last, setLast] = useState<Run>();
  useLoaded(`${run.run_id} ${at}`, async (signal) => {
    setLast(at === undefined ? undefined : await api.runAt(run.run_id, at, signal));
  });
  return at === undefined ? undefined : last;
}

function AsOf({ at, place }: { at: number; place: Place }) {
  return (
    <div class="asof" role="status">
      <span>
        Results and examples as of <b>event {at}</b>.
      </span>
      <button type="button" onClick={() => setQuery(place, { at: undefined })}>
        Back to now
      </button>
    </div>
  );
}

function Title({ run, reload }: { run: Run; reload: () => void }) {
  return (
    <div class="head">
      <div>
        <h1>
          {suiteOf(run)} <StatusMark status={run.status} />
        </h1>
        <p class="dim facts">
          <span class="mono">{run.run_id}</span>
          <span>started {when(run.started_at)}</span>
          {run.duration_seconds !== undefined && <span>took {duration(run.duration_seconds)}</span>}
          {run.regrades && (
            <span>
              grades anew <a href={toRun(run.regrades)}>{run.regrades}</a>
            </span>
          )}
          {run.suite && <a href={toSuite(run.suite)}>history</a>}
          {(run.model_errors ?? 0) > 0 && <span class="warn">{counted(run.model_errors ?? 0, "model error")}</span>}
        </p>
      </div>
      <Actions run={run} reload={reload} />
    </div>
  );
}
