// In what two texts differ, word by word (longest common subsequence).

export interface Piece {
  text: string;
  same: boolean;
}

const MOST_CELLS = 4_000_000;
const MOST_LETTERS = 200_000;
const SHORT = 4_000;
/** Never within a character that is made of several, such as a family of emoji (UAX #29). */
const WORDS = new Intl.Segmenter("en", { granularity: "word" });

/** How many cells of tables may still be filled: what a comparison costs. */
interface Budget {
  cells: number;
}

/**
 * The pieces of `left` and of `right`: those that both have, and those that only this one has. Long texts are first
 * matched by sentences and lines, and what lies between two matches by words.
 */
export function compareTexts(left: string, right: string): [Piece[], Piece[]] {
  const pieces: [Piece[], Piece[]] = [[], []];
  const short = Math.max(left.length, right.length) < SHORT;
  const [one, two] = short ? [[left], [right]] : [passages(left), passages(right)];
  const budget = { cells: MOST_CELLS };
  const [inOne, inTwo] = match(one, two, budget);
  for (let i = 0, j = 0; i < one.length || j < two.length; ) {
    const [from, start] = [i, j];
    while (i < one.length && !inOne[i]) i++;
    while (j < two.length && !inTwo[j]) j++;
    compareWords(one.slice(from, i).join(""), two.slice(start, j).join(""), budget, pieces);
    if (i < one.length) addPiece(pieces[0], one[i++] ?? "", true);
    if (j < two.length) addPiece(pieces[1], two[j++] ?? "", true);
  }
  return pieces;
}

function compareWords(left: string, right: string, budget: Budget, [toLeft, toRight]: [Piece[], Piece[]]): void {
  const [one, two] = [words(left), words(right)];
  const [inOne, inTwo] = match(one, two, budget);
  one.forEach((text, index) => addPiece(toLeft, text, inOne[index] ?? false));
  two.forEach((text, index) => addPiece(toRight, text, inTwo[index] ?? false));
}

function passages(text: string): string[] {
  return text.match(/[^.!?\n]*[.!?\n]+\s*|[^.!?\n]+$/g) ?? [];
}

function words(text: string): string[] {
  return text.length > MOST_LETTERS ? [text] : Array.from(WORDS.segment(text), (one) => one.segment);
}

/** Which parts of each the other has too, in the same order: the equal ends, and a longest common subsequence between. */
function match(one: string[], two: string[], budget: Budget): [boolean[], boolean[]] {
  let head = 0;
  while (head < one.length && head < two.length && one[head] === two[head]) head++;
  let tail = 0;
  while (tail < Math.min(one.length, two.length) - head && one.at(-1 - tail) === two.at(-1 - tail)) tail++;
  const inner = common(one.slice(head, one.length - tail), two.slice(head, two.length - tail), budget);
  const ends = (marks: boolean[]) => [...Array<boolean>(head).fill(true), ...marks, ...Array<boolean>(tail).fill(true)];
  return [ends(inner[0]), ends(inner[1])];
}

/** Which parts of each are in the longest common subsequence; none where they are too many for what is left of the budget. */
function common(one: string[], two: string[], budget: Budget): [boolean[], boolean[]] {
  const width = two.length + 1;
  const inOne = one.map(() => false);
  const inTwo = two.map(() => false);
  if ((one.length + 1) * width > budget.cells) return [inOne, inTwo];
  budget.cells -= (one.length + 1) * width;
  const best = new Uint16Array((one.length + 1) * width);
  const at = (i: number, j: number) => best[i * width + j] ?? 0;
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = two.length - 1; j >= 0; j--) {
      best[i * width + j] = one[i] === two[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  for (let i = 0, j = 0; i < one.length && j < two.length; ) {
    if (one[i] === two[j]) inOne[i++] = inTwo[j++] = true;
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return [inOne, inTwo];
}

function addPiece(pieces: Piece[], text: string, same: boolean): void {
  const last = pieces.at(-1);
  if (last?.same === same) last.text += text;
  else pieces.push({ text, same });
}
