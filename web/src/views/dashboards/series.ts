// Rows of a chart's SQL to the columns that uPlot draws: one x, one y per series, null where a series has no value.
import { toNumber, toTime } from '../../format/format';
import type { ChartSpec, Row } from '../../server/types';

export interface Series {
  /** Seconds since the epoch, ascending. */
  x: number[];
  lines: { name: string; y: (number | null)[] }[];
}

const kLinesMax = 6;

export function seriesOf(rows: Row[], spec: Pick<ChartSpec, 'x' | 'y' | 'series' | 'title'>): Series {
  const byName = new Map<string, Map<number, number>>();
  const times = new Set<number>();
  for (const row of rows) {
    const time = toTime(row[spec.x]);
    const value = toNumber(row[spec.y]);
    if (time === null) continue;
    const name = spec.series ? String(row[spec.series] ?? 'none') : spec.title;
    times.add(time / 1_000);
    const line = byName.get(name) ?? new Map<number, number>();
    if (value !== null) line.set(time / 1_000, value);
    byName.set(name, line);
  }
  const x = [...times].sort((a, b) => a - b);
  const total = (line: Map<number, number>): number => [...line.values()].reduce((sum, v) => sum + v, 0);
  const lines = [...byName]
    .sort(([, a], [, b]) => total(b) - total(a))
    .slice(0, kLinesMax)
    .map(([name, line]) => ({ name, y: x.map((time) => line.get(time) ?? null) }))
    .sort((a, b) => a.name.localeCompare(b.name));
  return { x, lines };
}
