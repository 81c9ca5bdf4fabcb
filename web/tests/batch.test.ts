import { describe, expect, it } from 'vitest';
import type { BackfillState, DagTask } from '../src/server/types_batch';
import { kNewRequest, mayRunAgain, missingOf, progressOf, qualityText, spanText, trimmed, verbsOf } from '../src/views/backfills/words';
import { ganttOf } from '../src/views/jobs/gantt_scale';

const task = (name: string, started_at: string | null, ended_at: string | null): DagTask =>
  ({ task: name, state: 'success', attempt: 1, generation: 1, started_at, ended_at });
const now = Date.parse('2026-09-21T02:01:40Z');

describe('a run over time', () => {
  it('spans from the first start to the last end', () => {
    const { bars, ms } = ganttOf([task('a', '2026-09-21T02:00:00Z', '2026-09-21T02:00:10Z'), task('b', '2026-09-21T02:00:10Z', '2026-09-21T02:00:40Z')], now);
    expect(ms).toBe(40_000);
    expect(bars.map(({ from, to }) => [from, to])).toEqual([[0, 0.25], [0.25, 1]]);
  });

  it('reaches to now where a task runs, and leaves out what has not begun', () => {
    const { bars, ms } = ganttOf([task('a', '2026-09-21T02:00:00Z', null), task('b', null, null)], now);
    expect(ms).toBe(100_000);
    expect(bars[0]).toMatchObject({ from: 0, to: 1, ms: 100_000 });
    expect(bars[1]!.from).toBeUndefined();
  });

  it('is empty without tasks', () => expect(ganttOf([], now).bars).toEqual([]));
});

describe('a backfill', () => {
  it.each<[BackfillState, string]>([
    ['running', 'cancel'], ['ready', 'publish cancel'], ['done', 'undo'], ['undone', 'redo'], ['publishing', ''], ['cancelled', ''],
  ])('that is %s can be: %s', (state, verbs) => expect(verbsOf({ state }).join(' ')).toBe(verbs));

  it('counts its partitions over all tables', () => {
    const table = { table: 't', model_version: 1, model_hash: '', partitions: 10, done: 4, rows: 100, failed: [] };
    expect(progressOf({ tables: [table, { ...table, done: 6 }] })).toEqual({ done: 10, all: 20, rows: 200 });
  });

  it('says what it spans', () => {
    expect(spanText({ from: '', to: '' })).toBe('the whole table');
    expect(spanText({ from: '2013-03-01', to: '2013-03-01' })).toBe('2013-03-01');
    expect(spanText({ from: '2013-03-01', to: '2013-03-31' })).toBe('2013-03-01 to 2013-03-31');
  });
});

describe('a new backfill', () => {
  const request = { ...kNewRequest, model: 'gold.delays' };
  it.each([
    ['without a model', kNewRequest, /Choose a model/], ['with one end', { ...request, from: '2013-03-01' }, /first and the last/],
    ['with blanks for an end', { ...request, from: '2013-03-01', to: ' ' }, /first and the last/], ['with none side by side', { ...request, parallel: 0 }, /1 to 64/],
    ['with half a partition side by side', { ...request, parallel: 1.5 }, /1 to 64/],
  ])('%s says what is missing', (_, given, words) => expect(missingOf(given)).toMatch(words));

  it('may be of the whole table or of an interval', () => {
    expect(missingOf(request)).toBeNull();
    expect(missingOf({ ...request, from: '2013-03-01', to: '2013-03-31' })).toBeNull();
  });

  it('is sent without blanks around its words', () =>
    expect(trimmed({ ...request, from: ' 2013-03-01', to: '2013-03-31 ' })).toEqual({ ...request, from: '2013-03-01', to: '2013-03-31' }));

  it.each<[BackfillState, boolean]>([['failed', true], ['refused', true], ['cancelled', true], ['running', false], ['done', false]])(
    'after one that is %s may be run again: %s', (state, may) => expect(mayRunAgain({ state })).toBe(may));
});

describe('the verdict of a suite', () => {
  const suite = { suite: 'legs', expectations: 3, failed: [], warnings: [] };
  it('says that all are met', () => expect(qualityText(suite)).toBe('legs: all 3 expectations are met'));
  it('names those that are not', () =>
    expect(qualityText({ ...suite, failed: ['carrier: 4 nulls'] })).toBe('legs: 1 of 3 expectations are not met: carrier: 4 nulls'));
  it('names those that warn', () =>
    expect(qualityText({ ...suite, warnings: ['few rows'] })).toBe('legs: all 3 expectations are met, 1 only warn: few rows'));
});
