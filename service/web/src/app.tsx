// The frame around every screen: where one can go, whether the server is there, and the key where it wants one.

import { reached } from "./api.ts";
import { Compare } from "./compare.tsx";
import { Docs } from "./docs.tsx";
import { forgetKey, access, readKey } from "./key.ts";
import { KeyForm } from "./keyform.tsx";
import { toCompare, toDocs, toRuns, usePlace, type Place } from "./route.ts";
import { RunScreen } from "./run.tsx";
import { Runs } from "./runs.tsx";
import { Note } from "./states.tsx";
import { useStore } from "./store.ts";
import { SuiteScreen } from "./suite.tsx";

export function App() {
  const place = usePlace();
  const allowed = useStore(access);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the contents
      </a>
      <Header place={place} />
      <main id="main" tabIndex={-1}>
        <Connection />
        {allowed === "open" ? <Screen place={place} /> : <KeyForm wrong={allowed === "wrong"} />}
      </main>
    </>
  );
}

function skip(event: Event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Header({ place }: { place: Place }) {
  const here = (screen: string) => (place.screen === screen ? "page" : undefined);
  const allowed = useStore(access);
  return (
    <header class="top">
      <a class="brand" href={toRuns()}>
        match<b>spec</b>
      </a>
      <nav aria-label="Screens">
        <a href={toRuns()} aria-current={here("runs")}>
          Runs
        </a>
        <a href={toCompare()} aria-current={here("compare")}>
          Compare
        </a>
        <a href={toDocs()} aria-current={here("docs")}>
          API
        </a>
      </nav>
      {readKey() !== null && allowed === "open" && (
        <button type="button" class="quiet" onClick={forgetKey}>
          Forget the key
        </button>
      )}
    </header>
  );
}

function Connection() {
  const there = useStore(reached);
  return (
    <div role="status" class="connection">
      {!there && (
        <Note kind="bad" title="The server does not answer.">
          Trying again until it does; what you see is from before.
        </Note>
      )}
    </div>
  );
}

function Screen({ place }: { place: Place }) {
  switch (place.screen) {
    case "runs":
      return <Runs place={place} />;
    case "run":
      return <RunScreen key={place.name} place={place} />;
    case "suite":
      return <SuiteScreen key={place.name} suite={place.name} />;
    case "compare":
      return <Compare place={place} />;
    case "docs":
      return <Docs />;
    case "nowhere":
      return (
        <Note kind="bad" title="There is nothing here.">
          <a href={toRuns()}>All runs</a>
        </Note>
      );
  }
}
