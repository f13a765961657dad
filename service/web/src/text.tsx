// Texts of models and datasets, always as text, with what the eye would miss in them made visible.

import type { Piece } from "./difference.ts";
import { splitHidden } from "./hidden.ts";

export function Text({ name, pieces, kind }: { name: string; pieces: Piece[]; kind: string }) {
  return (
    <div>
      <h3>{name}</h3>
      <pre tabIndex={0} aria-label={name} dir="auto">
        {pieces.map((piece) => (piece.same ? <Told text={piece.text} /> : <mark class={kind}><Told text={piece.text} /></mark>))}
      </pre>
    </div>
  );
}

/** A text in which each character that can't be seen bears its code. The text itself stays as it is, also when copied. */
function Told({ text }: { text: string }) {
  return (
    <>
      {splitHidden(text).map(({ text: part, code }) =>
        code ? (
          <mark class="code" data-code={code}>
            {part}
          </mark>
        ) : (
          part
        ),
      )}
    </>
  );
}
