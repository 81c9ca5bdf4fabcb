// The time range and the parameters of a dashboard: chosen in the URL, put into the SQL of its panels.
import { sqlText } from '../../server/client';

export interface Range {
  id: string;
  title: string;
  seconds: number;
}

export const kRanges: Range[] = [
  { id: '1h', title: 'Last hour', seconds: 3_600 },
  { id: '6h', title: 'Last 6 hours', seconds: 6 * 3_600 },
  { id: '24h', title: 'Last 24 hours', seconds: 24 * 3_600 },
  { id: '7d', title: 'Last 7 days', seconds: 7 * 86_400 },
  { id: '30d', title: 'Last 30 days', seconds: 30 * 86_400 },
  { id: '1y', title: 'Last year', seconds: 365 * 86_400 },
  { id: 'all', title: 'All time', seconds: 0 },
];

const kSecondsOf: Record<string, number> = { minute: 60, hour: 3_600, day: 86_400, week: 7 * 86_400, month: 30 * 86_400, year: 365 * 86_400 };

/** The range that is meant by its id (`24h`) or by a span in words (`24 hours`); the last day otherwise. */
export function rangeOf(text: string | null | undefined): Range {
  const words = /^(\d+)\s+(minute|hour|day|week|month|year)s?$/.exec(text ?? '');
  const seconds = words ? Number(words[1]) * kSecondsOf[words[2]!]! : -1;
  return kRanges.find((range) => range.id === text || range.seconds === seconds) ?? kRanges[2]!;
}

// About a hundred points over a range, in steps that people read: 1, 5, 15, 30 minutes, hours, days.
const kBuckets = [60, 300, 900, 1_800, 3_600, 6 * 3_600, 86_400, 7 * 86_400];
const kPointsMax = 120;

export function bucketSeconds(range: Range): number {
  if (range.seconds === 0) return 86_400;
  return kBuckets.find((bucket) => range.seconds / bucket <= kPointsMax) ?? kBuckets.at(-1)!;
}

/**
 * The SQL of a panel with `$from`, `$to`, `$bucket` and `$name` of each parameter as SQL. A parameter that is not
 * chosen is NULL. Words that are no parameter stay as they are.
 */
export function fillSql(sql: string, range: Range, parameters: Record<string, string | null>): string {
  return sql.replace(/\$([a-z_][a-z0-9_]*)/gi, (whole, name: string) => {
    if (name === 'from') return range.seconds === 0 ? "TIMESTAMPTZ '1970-01-01 00:00:00+00'" : `(now() - INTERVAL '${range.seconds} seconds')`;
    if (name === 'to') return 'now()';
    if (name === 'bucket') return `INTERVAL '${bucketSeconds(range)} seconds'`;
    if (!(name in parameters)) return whole;
    const value = parameters[name];
    return value === null || value === undefined ? 'NULL' : sqlText(value);
  });
}
