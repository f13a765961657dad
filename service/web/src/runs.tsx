// All runs, newest first; start one.

import { useState } from "preact/hooks";
import { api } from "./api.ts";
import type { Listing, Suites } from "./documents.ts";
import { count } from "./format.ts";
import { useLoaded } from "./loading.ts";
import { setQuery, toRuns, type Place } from "./route.ts";
import { RunTable } from "./runtable.tsx";
import { StartForm } from "./start.tsx";
import { Missing, Note } from "./states.tsx";
import { SuiteCards } from "./suitecards.tsx";

const EVERY_MS = 2000;
const PAGE = 20;
const STATUSES = ["running", "passed", "failed", "error", "cancelled"];

export function Runs({ place }: { place: Place }) {
  const { suite, status } = place.query;
  const offset = Number(place.query.offset) || 0;
  const suites = useLoaded("suites", (signal) => api.suites(signal), () => EVERY_MS * 5);
  const listing = useLoaded(
    `runs ${suite} ${status} ${offset}`,
    (signal) =>
      api.runs({ ...(suite && { suite }), ...(status && { status }), limit: PAGE, offset }, signal),
    () => EVERY_MS,
  );
  const [starting, setStarting] = useState(false);
  return (
    <>
      <div class="head">
        <h1>Runs</h1>
        <button type="button" class="primary" aria-expanded={starting} onClick={() => setStarting(!starting)}>
          Start a run
        </button>
      </div>
      {suites.value?.config_error && (
        <Note kind="warn" title="The configuration has mistakes; these are the suites of its last good state.">
          {suites.value.config_error}
        </Note>
      )}
      {starting && <StartForm suites={suites.value?.suites ?? []} close={() => setStarting(false)} />}
      {suites.value && <SuiteCards suites={suites.value.suites} latest={listing.value?.runs[0]} />}
      <Filters place={place} suites={suites.value} />
      {listing.value ? <Listed listing={listing.value} place={place} /> : <Missing what="runs" loaded={listing} />}
    </>
  );
}

function Filters({ place, suites }: { place: Place; suites: Suites | undefined }) {
  const names = new Set([...(suites?.suites.map((one) => one.name) ?? []), ...(place.query.suite ? [place.query.suite] : [])]);
  const pick = (name: string) => (event: Event) =>
    setQuery(place, { [name]: (event.currentTarget as HTMLSelectElement).value, offset: undefined });
  return (
    <div class="filters" role="group" aria-label="Filters">
      <label>
        Suite
        <select value={place.query.suite ?? ""} onChange={pick("suite")}>
          <option value="">all</option>
          {[...names].map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        Status
        <select value={place.query.status ?? ""} onChange={pick("status")}>
          <option value="">any</option>
          {STATUSES.map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Listed({ listing, place }: { listing: Listing; place: Place }) {
  if (listing.runs.length === 0) {
    return place.query.suite || place.query.status || listing.offset ? (
      <Note title="No run matches.">
        <a href={toRuns()}>Show all runs</a>
      </Note>
    ) : (
      <Note title="There are no runs yet.">Start one here, or with matchspec run or POST /run.</Note>
    );
  }
  const { offset, limit, total } = listing;
  const to = (next: number) => toRuns({ ...place.query, offset: next > 0 ? String(next) : undefined });
  return (
    <>
      <RunTable runs={listing.runs} />
      <nav class="pages" aria-label="Pages">
        <span class="dim">
          {count(offset + 1)} to {count(offset + listing.runs.length)} of {count(total)}
        </span>
        {offset > 0 && <a href={to(Math.max(0, offset - limit))}>Newer</a>}
        {offset + limit < total && <a href={to(offset + limit)}>Older</a>}
      </nav>
    </>
  );
}
