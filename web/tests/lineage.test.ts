import { describe, expect, it } from 'vitest';
import { columnsInto, known, relatedTo } from '../src/views/pipelines/lineage_of';
import type { Lineage } from '../src/server/types_lineage';

const node = (id: string): Lineage['nodes'][number] => ({ id, kind: 'streaming', columns: [] });
const edge = (from: string, to: string, columns: [string, string][] = []): Lineage['edges'][number] =>
  ({ from, to, columns: columns.map(([one, other]) => ({ from: one, to: other })) });
const lineage: Lineage = {
  nodes: ['a', 'b', 'c', 'd'].map(node),
  edges: [edge('a', 'b', [['x', 'y']]), edge('b', 'c', [['y', 'z']]), edge('d', 'c', [['w', 'z']]), edge('gone', 'c'), edge('c', 'c')],
};

describe('lineage', () => {
  it('leaves out tables that are not known and edges to oneself', () => expect(known(lineage).edges).toHaveLength(3));
  it('names the columns that go into each', () => {
    expect(columnsInto(lineage, 'c').get('z')).toEqual(['b.y', 'd.w']);
    expect(columnsInto(lineage, 'a').size).toBe(0);
  });
  it('finds what is before and behind a table, and not beside it', () => {
    expect([...relatedTo(lineage, 'b')].sort()).toEqual(['a', 'b', 'c']);
    expect([...relatedTo(lineage, 'd')].sort()).toEqual(['c', 'd']);
  });
});
