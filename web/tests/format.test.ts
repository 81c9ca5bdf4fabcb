import { describe, expect, test } from 'vitest';
import {
  formatAgo, formatBytes, formatCompact, formatCount, formatHeading, formatPlace, formatShare, formatSpan, formatValue,
  formatWords, toNumber, toTime,
} from '../src/format/format';
import { sqlText } from '../src/server/client';
import { seriesOf } from '../src/views/dashboards/series';

const kNoon = Date.UTC(2026, 10, 23, 12);

test.each([
  ['RFC 3339', '2026-11-23T12:00:00Z', kNoon],
  ['microseconds', '2026-11-23T12:00:00.123456Z', kNoon + 123],
  ['another zone', '2026-11-23T14:00:00+02:00', kNoon],
  ['SQL text, which is UTC', '2026-11-23 12:00:00', kNoon],
  ['SQL text with a short zone', '2026-11-23 12:00:00.5+00', kNoon + 500],
  ['a day', '2026-11-23', kNoon - 12 * 3_600_000],
  ['seconds', kNoon / 1_000, kNoon],
  ['milliseconds', kNoon, kNoon],
  ['microseconds as a number', kNoon * 1_000, kNoon],
  ['words', 'yesterday', null],
  ['nothing', null, null],
])('a time written as %s is understood', (_, value, time) => expect(toTime(value)).toBe(time));

test.each([
  [5, 5], ['5', 5], ['12345678901234567890', 12345678901234567890], ['', null], ['x', null], [null, null], [Number.NaN, null],
])('%j as a number is %j', (value, number) => expect(toNumber(value)).toBe(number));

describe('for people', () => {
  test.each([
    [0, '0 ms'], [420, '420 ms'], [3_210, '3.2 s'], [61_000, '61 s'], [100_000, '2 min'], [7_200_000, '2 h'], [3e8, '3 d'], [null, '–'],
  ])('%j ms is %s', (ms, text) => expect(formatSpan(ms)).toBe(text));

  test.each([
    [-3_000, '3 s ago'], [-400, 'just now'], [600_000, 'in 10 min'], [-86_400_000 * 5, '5 d ago'],
  ])('%j ms from now is %s', (ms, text) => expect(formatAgo(kNoon + ms, kNoon)).toBe(text));

  test('numbers are grouped, shares are percentages, bytes have units', () => {
    expect(formatCount('1234567')).toBe('1,234,567');
    expect(formatCompact(1_234_567)).toBe('1.2M');
    expect(formatShare(0.8851)).toBe('88.5 %');
    expect(formatBytes(4_321_000)).toBe('4.3 MB');
    expect(formatBytes(999)).toBe('999 B');
    expect(formatValue(undefined, 'text')).toBe('–');
  });

  test('headings, places and names are words', () => {
    expect(formatHeading(338)).toBe('N 338°');
    expect(formatHeading(null)).toBe('–');
    expect(formatPlace(52.5, -13.4)).toBe('52.5000° N, 13.4000° W');
    expect(formatWords('out_for_delivery')).toBe('Out for delivery');
  });
});

test('a quote in what somebody searches stays inside the SQL text', () => {
  expect(sqlText("O'Hare'; DROP TABLE x --")).toBe("'O''Hare''; DROP TABLE x --'");
});

test('rows become one line for each series, with gaps where a series has no value', () => {
  const rows = [
    { day: '2026-01-02', n: '4', mode: 'Air' },
    { day: '2026-01-01', n: 1, mode: 'Truck' },
    { day: '2026-01-01', n: 3, mode: 'Air' },
    { day: null, n: 9, mode: 'Air' },
  ];
  const { x, lines } = seriesOf(rows, { x: 'day', y: 'n', series: 'mode', title: 'Late' });
  expect(x).toEqual([Date.UTC(2026, 0, 1) / 1_000, Date.UTC(2026, 0, 2) / 1_000]);
  expect(lines).toEqual([{ name: 'Air', y: [3, 4] }, { name: 'Truck', y: [1, null] }]);
});
