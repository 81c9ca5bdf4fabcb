// What changed between two texts, line by line.
import { diffArrays } from 'diff';

export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
  /** Line numbers, from 1. */
  before?: number;
  after?: number;
}

const kEditsMax = 2_000;

/** JSON with one member a line; other texts as they are. */
export function pretty(text: string, type: string): string {
  if (type === 'PROTOBUF') return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Texts that differ in more than 2000 lines are shown as replaced. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const parts = diffArrays(old, now, { maxEditLength: kEditsMax })
    ?? [{ value: old, removed: true, added: false }, { value: now, removed: false, added: true }];
  const at = { before: 0, after: 0 };
  return parts.flatMap(({ value, added, removed }) => value.map((text): DiffLine => {
    if (removed) return { kind: 'removed', text, before: ++at.before };
    if (added) return { kind: 'added', text, after: ++at.after };
    return { kind: 'same', text, before: ++at.before, after: ++at.after };
  }));
}
