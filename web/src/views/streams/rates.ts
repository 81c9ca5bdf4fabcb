// Rows a second, from sums that are read again and again.
import { toTime } from '../../format/format';
import type { RowCounts, Stream } from '../../server/types_streams';

const kKeptMs = 10_000;

export interface Sample {
  at: number;
  rows: Map<string, { in: number; out: number }>;
}
export interface Rate {
  in: number;
  out: number;
}

/** A pattern gives matches, not the rows that it took in; of others `made` is there where the two differ. */
export const givenOf = ({ shape, rows }: { shape: string; rows: RowCounts }): number =>
  rows.made ?? (shape === 'pattern' ? 0 : rows.out);

export function sampleOf(streams: Stream[]): Sample {
  const rows = new Map<string, Rate>();
  for (const stream of streams) {
    for (const model of stream.plan) rows.set(model.model, { in: model.rows.in, out: givenOf(model) });
    for (const { topic, records } of stream.topics) rows.set(`topic ${topic}`, { in: records, out: records });
  }
  return { at: toTime(streams[0]?.now) ?? 0, rows };
}

/** The samples of the last seconds, the new one last; all are dropped when the server's sums began anew. */
export function withSample(kept: Sample[], next: Sample): Sample[] {
  const last = kept.at(-1);
  if (last && next.at <= last.at) return kept;
  const restarted = last && [...last.rows].some(([name, { in: sum }]) => (next.rows.get(name)?.in ?? sum) < sum);
  const before = restarted ? [] : kept.filter(({ at }) => next.at - at <= kKeptMs);
  return [...before, next];
}

/** Over the samples that are kept; undefined until there are two. */
export function rateOf(kept: Sample[], name: string): Rate | undefined {
  const last = kept.at(-1);
  const first = kept.find(({ rows }) => rows.has(name));
  const to = last?.rows.get(name);
  const from = first?.rows.get(name);
  if (!first || !last || !from || !to || first.at === last.at) return undefined;
  const seconds = (last.at - first.at) / 1_000;
  return { in: (to.in - from.in) / seconds, out: (to.out - from.out) / seconds };
}
