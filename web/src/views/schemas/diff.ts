// What changed between two texts, line by line.
export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
  /** Line numbers, from 1. */
  before?: number;
  after?: number;
}

const kLinesMax = 2_000;

/** JSON with one member a line; other texts as they are. */
export function pretty(text: string, type: string): string {
  if (type === 'PROTOBUF') return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The longest common lines stay; texts above 2000 lines are shown as replaced. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  const tooLong = a.length > kLinesMax || b.length > kLinesMax;
  // lengths[i][j]: common lines of a from i and b from j
  const width = b.length + 1;
  const lengths = tooLong ? new Uint16Array() : new Uint16Array((a.length + 1) * width);
  for (let i = tooLong ? -1 : a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j]
        ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (!tooLong && i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i]!, before: i + 1, after: j + 1 });
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || tooLong || lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      lines.push({ kind: 'removed', text: a[i]!, before: i + 1 });
      i += 1;
    } else {
      lines.push({ kind: 'added', text: b[j]!, after: j + 1 });
      j += 1;
    }
  }
  return lines;
}
