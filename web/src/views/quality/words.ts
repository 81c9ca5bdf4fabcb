// Expectations in words.
import { formatWords } from '../../format/format';
import type { Expectation, Trend } from '../../server/types_quality';

/** `expect_column_values_to_not_be_null` to `Values not be null`. */
export function expectationWords(type: string): string {
  return formatWords(type.replace(/^expect_/, '').replace(/^column_/, '').replaceAll(/(^|_)to_/g, '$1'));
}

/** What it looks at and what it holds it against. */
export function argumentsText(kwargs: Record<string, unknown>): string {
  return Object.entries(kwargs)
    .filter(([name, value]) => name !== 'column' && value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** JSON with its members in order: the server sorts them, a file need not. */
const sorted = (value: unknown): string => JSON.stringify(value, (_, one: unknown) => (
  one !== null && typeof one === 'object' && !Array.isArray(one) ? Object.fromEntries(Object.entries(one).sort()) : one));

export const trendOf = (trends: Trend[], table: string, { type, kwargs }: Expectation): Trend | undefined =>
  trends.find((trend) => trend.table === table && trend.type === type && sorted(trend.kwargs) === sorted(kwargs));
