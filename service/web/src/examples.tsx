// The table of examples: only the lines that can be seen are in the document.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ExampleQuery } from "./api.ts";
import type { Run } from "./documents.ts";
import { count, score } from "./format.ts";
import { ExampleDialog } from "./example.tsx";
import { kindOf, resultOf } from "./exampleresult.ts";
import { ExampleFilters, readFilters } from "./examplefilters.tsx";
import { ExampleList, pagesOf, type Brief } from "./examplelist.ts";
import { setQuery, type Place } from "./route.ts";
import { Note } from "./states.tsx";

const LINE = 36;
const BEYOND = 10;

interface Props {
  run: Run;
  place: Place;
  at: number | undefined;
  /** Changes when there may be more; undefined when there can't be. */
  version: number | undefined;
}

export function ExampleTable({ run, place, at, version }: Props) {
  const filters = readFilters(place);
  const list = useList(run.run_id, filters, at, version);
  const opened = useOpened(list, place.query.example);
  const open = (brief: Brief | undefined) => setQuery(place, { example: brief?.place });
  const line = opened ? list.find(opened.place) : -1;
  const filtered = Object.keys(filters).length > 0;
  const total = list.complete ? list.briefs.length : Math.max(list.briefs.length, filtered ? 0 : expected(run));
  return (
    <section aria-label="Examples">
      <h2>
        Examples <span class="dim">{list.complete ? count(list.briefs.length) : total ? `${count(total)}` : ""}</span>
      </h2>
      <ExampleFilters run={run} place={place} />
      {list.error && <Note kind="bad" title="The examples can't be shown.">{list.error.message}</Note>}
      {list.complete && total === 0 ? (
        <Note title={filtered ? "No example matches." : "No example is recorded yet."} />
      ) : (
        <Lines list={list} total={total} open={(index) => open(list.briefs[index])} />
      )}
      {opened && (
        <ExampleDialog
          run={run}
          list={list}
          brief={opened}
          place={`${line < 0 ? "…" : count(line + 1)} of ${list.complete ? count(list.briefs.length) : "…"}`}
          move={(step) => line >= 0 && open(list.briefs[line + step] ?? opened)}
          close={() => open(undefined)}
        />
      )}
      {place.query.text && !list.complete && list.briefs.length === 0 && (
        <p class="loading" role="status">
          Searching … <button type="button" onClick={() => setQuery(place, { text: undefined })}>Stop</button>
        </p>
      )}
    </section>
  );
}

/** The example that the address names: of the lines that are there, or read by itself; the last one known of it. */
function useOpened(list: ExampleList, place: string | undefined): Brief | undefined {
  const [read, setRead] = useState<Brief>();
  const found = place === undefined ? undefined : list.briefs[list.find(place)];
  const there = found !== undefined;
  useEffect(() => {
    if (found) setRead(found);
    if (place === undefined || found) return;
    let looked = true;
    list.brief(place).then((brief) => looked && setRead(brief), () => undefined);
    return () => void (looked = false);
  }, [list, place, there]);
  return found ?? (read?.place === place ? read : undefined);
}

/** How many examples a run has, as far as its rows tell. */
function expected(run: Run): number {
  const graded = Math.max(0, ...(run.grader_results ?? []).map((row) => row.n));
  return Math.max(graded, run.progress?.completed ?? 0);
}

/** A list that begins anew with other filters and when the run is over, and takes in what comes meanwhile. */
function useList(id: string, filters: ExampleQuery, at: number | undefined, version: number | undefined): ExampleList {
  const [, redraw] = useState(0);
  const key = JSON.stringify([id, filters, at]);
  const shown = useRef<ExampleList | undefined>(undefined);
  const list = useMemo(() => {
    const stop = new AbortController();
    const made = new ExampleList(pagesOf(id, { ...filters, at }), () => redraw((now) => now + 1), stop.signal);
    return { made, stop };
  }, [key, version === undefined]);
  useEffect(() => {
    list.made.look(0, 0);
    return () => list.stop.abort();
  }, [list]);
  useEffect(() => {
    if (version !== undefined) list.made.renew();
  }, [version]);
  const ready = list.made.briefs.length > 0 || list.made.complete || list.made.error;
  const same = useRef(key);
  if (ready || same.current !== key) shown.current = list.made;
  same.current = key;
  return shown.current ?? list.made;
}

function Lines({ list, total, open }: { list: ExampleList; total: number; open: (index: number) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [chosen, setChosen] = useState<{ index: number; place: string | undefined }>({ index: 0, place: undefined });
  const active = lineOf(list, chosen);
  const first = Math.max(0, Math.floor(view.top / LINE) - BEYOND);
  const last = Math.min(total, Math.ceil((view.top + view.height) / LINE) + BEYOND);
  const top = Math.floor(view.top / LINE);
  useEffect(() => list.look(top, top + Math.ceil(view.height / LINE)), [list, top, view.height]);
  const moved = useRef({ list, by: list.moved });
  useLayoutEffect(() => {
    if (box.current && moved.current.list === list) box.current.scrollTop += (list.moved - moved.current.by) * LINE;
    moved.current = { list, by: list.moved };
  }, [list, list.moved]);

  const look = () => {
    if (box.current) setView({ top: box.current.scrollTop, height: box.current.clientHeight });
  };
  useEffect(() => {
    const fit = new ResizeObserver(look);
    if (box.current) fit.observe(box.current);
    return () => fit.disconnect();
  }, []);
  useEffect(() => void box.current?.style.setProperty("--lines", String(total + 1)), [total]);
  const go = (index: number) => {
    const next = Math.max(0, Math.min(total - 1, index));
    setChosen({ index: next, place: list.briefs[next]?.place });
    const node = box.current;
    if (!node) return;
    const room = node.clientHeight - LINE;
    if (next * LINE < node.scrollTop) node.scrollTop = next * LINE;
    if (next * LINE > node.scrollTop + room - LINE) node.scrollTop = next * LINE - room + LINE;
  };
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -total, End: total };
  const press = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (event.key === "Enter" && list.briefs[active]) open(active);
    else if (step !== undefined) go(active + step);
    else return;
    event.preventDefault();
  };
  const shown = [];
  for (let index = first; index < last; index++) shown.push(index);
  return (
    <div
      class="lines"
      ref={box}
      role="grid"
      aria-label="Examples; arrow keys move, Enter opens"
      aria-rowcount={total + 1}
      aria-activedescendant={active >= first && active < last ? `line-${active}` : undefined}
      tabIndex={0}
      onScroll={look}
      onKeyDown={press}
    >
      <div class="line header" role="row" aria-rowindex={1}>
        {["Id", "Result", "Scores", "Input", "Expected", "Output"].map((name) => (
          <span role="columnheader">{name}</span>
        ))}
      </div>
      <div class="all" role="rowgroup" ref={(node) => void (node && (node.style.height = `${total * LINE}px`))}>
        {shown.map((index) => (
          <Line
            key={index}
            index={index}
            brief={list.briefs[index]}
            active={index === active}
            open={() => {
              setChosen({ index, place: list.briefs[index]?.place });
              open(index);
            }}
          />
        ))}
      </div>
    </div>
  );
}

/** Where the chosen line is, now that others may have come before it. */
function lineOf(list: ExampleList, chosen: { index: number; place: string | undefined }): number {
  const { index, place } = chosen;
  if (place === undefined || list.briefs[index]?.place === place) return index;
  const now = list.find(place);
  return now < 0 ? index : now;
}

function Line(props: { index: number; brief: Brief | undefined; active: boolean; open: () => void }) {
  const { index, brief, active, open } = props;
  return (
    <div
      class={`line ${active ? "active" : ""}`}
      id={`line-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={active}
      ref={(node) => void (node && (node.style.transform = `translateY(${index * LINE}px)`))}
      onClick={brief && open}
    >
      <span role="gridcell" class="mono">
        {brief?.id ?? "…"}
      </span>
      <span role="gridcell" class={brief && kindOf(brief)}>
        {brief && resultOf(brief)}
      </span>
      <span role="gridcell" class="number">
        {brief && tellScores(brief.scores)}
      </span>
      <span role="gridcell" dir="auto">
        {brief?.input}
      </span>
      <span role="gridcell" dir="auto">
        {brief?.expected}
      </span>
      <span role="gridcell" class={brief && !brief.error ? "said" : ""} dir="auto">
        {brief?.output}
      </span>
    </div>
  );
}

const tellScores = (scores: Record<string, number>): string =>
  Object.values(scores)
    .map((one) => (one === 0 || one === 1 ? String(one) : score(one)))
    .join(" · ");
