import { describe, expect, it } from 'vitest';
import type { BackfillState } from '../src/server/types_batch';
import { progressOf, spanText, verbsOf } from '../src/views/backfills/words';

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
