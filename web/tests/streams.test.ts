import { describe, expect, it } from 'vitest';
import type { Stream, StreamModel } from '../src/server/types_streams';
import { flowOf, workOf } from '../src/views/streams/flow';
import { rateOf, sampleOf, withSample } from '../src/views/streams/rates';

const model = (name: string, reads: string[], change: Partial<StreamModel> = {}): StreamModel => ({
  model: name, mode: 'streaming', shape: 'composed', state_of_work: 'with every epoch', behind: false,
  reads: reads.map((table) => ({ table, static: table.endsWith('hubs') })), stages: [], state_bytes: 0,
  rows: { in: 0, out: 0, late: 0, dead: 0, filtered: {} }, ...change,
});
const stream = (plan: StreamModel[], now = '2026-09-21T14:00:00Z'): Stream => ({
  name: 'scans', mode: 'streaming', state: 'running', epoch: 7, models: [], lag_records: 0, lag_seconds: 0, records_per_second: 0,
  committed_at: null, freshness_seconds: null, here: true, now, topics: [{ topic: 'scans', partitions: 2, records: 50, taken: 40 }], plan,
});

describe('a running plan', () => {
  it('leads from the topic through the models to their tables', () => {
    const { nodes, edges } = flowOf(stream([model('silver.scans', ['bronze.scans']), model('gold.hubs_now', ['silver.scans', 'gold.hubs'])]));
    expect(edges.map(({ from, to }) => `${from} > ${to}`).sort()).toEqual([
      'model gold.hubs_now > table gold.hubs_now', 'model silver.scans > table silver.scans',
      'table gold.hubs > model gold.hubs_now', 'table silver.scans > model gold.hubs_now', 'topic scans > model silver.scans',
    ]);
    expect(nodes.find(({ id }) => id === 'topic scans')).toMatchObject({ waiting: 10 });
    expect(nodes.find(({ id }) => id === 'table gold.hubs')).toMatchObject({ looked_up: true });
  });

  it('says in a word what a model does', () => {
    const word = (change: Partial<StreamModel>, state: Stream['state'] = 'running'): string => workOf(model('m', [], change), { state }).word;
    expect(word({})).toBe('running');
    expect(word({}, 'failed')).toBe('failed');
    expect(word({ behind: true, state_of_work: 'paused' })).toBe('paused');
    expect(word({ behind: true, state_of_work: "held back: 2 rows break the rule 'v: wrong'" })).toBe('held back');
    expect(word({ behind: true, state_of_work: 'to be built anew from the lake' })).toBe('building anew');
    expect(word({ behind: true, state_of_work: 'behind, by the lake' })).toBe('catching up');
    expect(word({ behind: true, mode: 'every 5m', state_of_work: 'behind, by the lake' })).toBe('every 5m');
  });
});

describe('rows a second', () => {
  const at = (second: number, rows: number, made?: number) => sampleOf([stream(
    [model('m', [], { rows: { in: rows, out: rows, late: 0, dead: 0, filtered: {}, ...(made === undefined ? {} : { made }) } })],
    `2026-09-21T14:00:${String(second).padStart(2, '0')}Z`)]);

  it('are unknown at first, then the difference over the server\'s time', () => {
    let kept = withSample([], at(0, 100));
    expect(rateOf(kept, 'm')).toBeUndefined();
    kept = withSample(kept, at(2, 300));
    expect(rateOf(kept, 'm')).toEqual({ in: 100, out: 100 });
  });

  it('count what a model made where rows do not follow one by one', () => {
    const kept = withSample(withSample([], at(0, 100, 10)), at(2, 300, 14));
    expect(rateOf(kept, 'm')).toEqual({ in: 100, out: 2 });
  });

  it('forget what is older than ten seconds, and begin anew when the sums do', () => {
    let kept = withSample(withSample([], at(0, 0)), at(5, 0));
    kept = withSample(kept, at(15, 1_000));
    expect(rateOf(kept, 'm')).toEqual({ in: 100, out: 100 });
    kept = withSample(kept, at(17, 3));
    expect(rateOf(kept, 'm')).toBeUndefined();
  });

  it('take no sample twice', () => {
    const kept = withSample([], at(3, 1));
    expect(withSample(kept, at(3, 1))).toBe(kept);
  });
});
