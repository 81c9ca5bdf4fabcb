// What a backfill's state means, and what can be done about it.
import { formatCount } from '../../format/format';
import type { Tone } from '../../parts/badge';
import type { Backfill, BackfillRequest, BackfillState, BackfillVerb, QualityOutcome } from '../../server/types_batch';

export const kStateTones: Record<BackfillState, Tone> = {
  running: 'idle', failed: 'bad', ready: 'warn', refused: 'bad', publishing: 'idle', done: 'ok', undone: 'idle', cancelled: 'idle',
};

export const kStateWords: Record<BackfillState, string> = {
  running: 'computing beside production', failed: 'failed: nothing of it is to be seen', ready: 'validated, waits for your word',
  refused: 'refused by its validation', publishing: 'swapping in', done: 'swapped in', undone: 'undone: the old rows are back',
  cancelled: 'cancelled',
};

export const kVerbs: Record<BackfillVerb, { title: string; text: string; done: string }> = {
  publish: {
    title: 'Swap in', done: 'is being swapped in',
    text: 'The new partitions replace the old ones in one commit. A partition that changed meanwhile is computed again first.',
  },
  undo: { title: 'Undo', done: 'is undone', text: 'The old files come back in one commit. The new ones are kept, so that it can be redone.' },
  redo: { title: 'Redo', done: 'is swapped in again', text: 'The new partitions are swapped in once more.' },
  cancel: { title: 'Cancel', done: 'is cancelled', text: 'What was computed beside production is dropped. Production stays as it is.' },
};

const kMay: Record<BackfillState, BackfillVerb[]> = {
  running: ['cancel'], failed: ['cancel'], ready: ['publish', 'cancel'], refused: ['cancel'], publishing: [], done: ['undo'],
  undone: ['redo'], cancelled: [],
};
export const verbsOf = ({ state }: Pick<Backfill, 'state'>): BackfillVerb[] => kMay[state] ?? [];

export function progressOf({ tables }: Pick<Backfill, 'tables'>): { done: number; all: number; rows: number } {
  const sum = (of: (table: Backfill['tables'][number]) => number): number => tables.reduce((total, table) => total + of(table), 0);
  return { done: sum(({ done }) => done), all: sum(({ partitions }) => partitions), rows: sum(({ rows }) => rows) };
}

export const spanText = ({ from, to }: Pick<Backfill, 'from' | 'to'>): string =>
  from === '' ? 'the whole table' : from === to || to === '' ? from : `${from} to ${to}`;

export const kNewRequest: BackfillRequest = { model: '', from: '', to: '', expect: '', parallel: 10 };
export const kParallelMax = 64;

/** As it is sent: without blanks around the words. */
export const trimmed = ({ model, from, to, expect, parallel }: BackfillRequest): BackfillRequest =>
  ({ model, from: from.trim(), to: to.trim(), expect: expect.trim(), parallel });

/** Why a request cannot be sent yet; the rest the server says. */
export function missingOf(request: BackfillRequest): string | null {
  const { model, from, to, parallel } = trimmed(request);
  if (model === '') return 'Choose a model';
  if ((from === '') !== (to === '')) return 'Name the first and the last partition, or neither for the whole table';
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > kParallelMax) return `Side by side: 1 to ${kParallelMax}`;
  return null;
}

/** One that ended without a swap may be run again: with the same text only what is missing. */
export const mayRunAgain = ({ state }: Pick<Backfill, 'state'>): boolean => ['failed', 'refused', 'cancelled'].includes(state);

export function qualityText({ suite, expectations, failed, warnings }: QualityOutcome): string {
  const warned = warnings.length > 0 ? `, ${formatCount(warnings.length)} only warn: ${warnings.join('; ')}` : '';
  if (failed.length === 0) return `${suite}: all ${formatCount(expectations)} expectations are met${warned}`;
  return `${suite}: ${formatCount(failed.length)} of ${formatCount(expectations)} expectations are not met: ${failed.join('; ')}${warned}`;
}
