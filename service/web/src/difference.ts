// In what two texts differ, word by word (longest common subsequence).

export interface Piece {
  text: string;
  same: boolean;
}

const MOST_CELLS = 4_000_000;

/** The pieces of `left` and of `right`: those that both have, and those that only this one has. */
export function compareTexts(left: string, right: string): [Piece[], Piece[]] {
  const one = words(left);
  const two = words(right);
  let head = 0;
  while (head < one.length && head < two.length && one[head] === two[head]) head++;
  let tail = 0;
  while (tail < Math.min(one.length, two.length) - head && one.at(-1 - tail) === two.at(-1 - tail)) tail++;
  const [inOne, inTwo] = common(one.slice(head, one.length - tail), two.slice(head, two.length - tail));
  return [join(one, head, inOne), join(two, head, inTwo)];
}

function words(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|./gsu) ?? [];
}

/** Which words of each are part of the longest common subsequence; none where the texts are too long for that. */
function common(one: string[], two: string[]): [boolean[], boolean[]] {
  const width = two.length + 1;
  const inOne = one.map(() => false);
  const inTwo = two.map(() => false);
  if ((one.length + 1) * width > MOST_CELLS) return [inOne, inTwo];
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

function join(all: string[], head: number, middle: boolean[]): Piece[] {
  const pieces: Piece[] = [];
  all.forEach((text, index) => {
    const same = middle[index - head] ?? true;
    const last = pieces.at(-1);
    if (last?.same === same) last.text += text;
    else pieces.push({ text, same });
  });
  return pieces;
}
