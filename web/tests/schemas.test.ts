import { describe, expect, it } from 'vitest';
import { bandShapes } from '../src/views/quality/band';
import { diffLines, pretty } from '../src/views/schemas/diff';

describe('what changed between two versions', () => {
  const kinds = (before: string, after: string): string =>
    diffLines(before, after).map(({ kind, text }) => `${{ same: ' ', added: '+', removed: '-' }[kind]}${text}`).join('|');

  it.each([
    ['a\nb', 'a\nb', ' a| b'],
    ['a\nb', 'a\nc\nb', ' a|+c| b'],
    ['a\nb\nc', 'a\nc', ' a|-b| c'],
    ['a', 'b', '-a|+b'],
    ['', '', ' '],
  ])('%j to %j', (before, after, expected) => expect(kinds(before, after)).toBe(expected));

  it('numbers lines on both sides', () => {
    expect(diffLines('a\nb', 'b')).toEqual([{ kind: 'removed', text: 'a', before: 1 }, { kind: 'same', text: 'b', before: 2, after: 1 }]);
  });

  it('shows long texts as replaced', () => {
    const long = Array.from({ length: 2_001 }, (_, i) => `${i}`).join('\n');
    expect(diffLines(long, 'x').filter(({ kind }) => kind === 'removed')).toHaveLength(2_001);
  });

  it('has one member of JSON on a line and leaves Protobuf alone', () => {
    expect(pretty('{"a":1,"b":2}', 'AVRO')).toBe('{\n  "a": 1,\n  "b": 2\n}');
    expect(pretty('message A {}', 'PROTOBUF')).toBe('message A {}');
    expect(pretty('no json', 'JSON')).toBe('no json');
  });
});

describe('a series with its band', () => {
  const point = (day: string, value: number, more = {}) => ({ day, value, found: false, method: 'all days', ...more });
  it('marks the newest day and those that were unusual', () => {
    const shapes = bandShapes([point('2026-03-01', 5), point('2026-03-02', 9, { found: true, low: 4, high: 6 }), point('2026-03-03', 5, { low: 4, high: 6 })]);
    expect(shapes.marks.map(({ point: one }) => one.day)).toEqual(['2026-03-02', '2026-03-03']);
    expect(shapes.band.split(' ')).toHaveLength(4);
  });
  it('has no band where no day was judged', () => {
    expect(bandShapes([point('2026-03-01', 0)])).toMatchObject({ band: '', line: '316.0,80.0' });
  });
});
