import { describe, expect, it } from 'vitest';
import { sparkPoints } from '../src/parts/spark';
import type { Trend } from '../src/server/types_quality';
import { argumentsText, expectationWords, trendOf } from '../src/views/quality/words';

describe('an expectation in words', () => {
  it.each([
    ['expect_column_values_to_not_be_null', 'Values not be null'],
    ['expect_table_row_count_to_be_between', 'Table row count be between'],
    ['expect_column_values_to_be_in_set', 'Values be in set'],
  ])('%s: %s', (type, words) => expect(expectationWords(type)).toBe(words));

  it('says what it holds the column against', () => {
    expect(argumentsText({ column: 'weight', min_value: 0, max_value: null, value_set: ['a'] })).toBe('min_value 0, value_set ["a"]');
  });

  it('finds its trend whatever the order of its arguments', () => {
    const trend: Trend = { suite: 's', table: 't', type: 'e', kwargs: { column: 'a', min_value: 1 }, points: [] };
    expect(trendOf([trend], 't', { type: 'e', kwargs: { min_value: 1, column: 'a' } })).toBe(trend);
    expect(trendOf([trend], 'other', { type: 'e', kwargs: { column: 'a', min_value: 1 } })).toBeUndefined();
    expect(trendOf([trend], 't', { type: 'e', kwargs: { column: 'b', min_value: 1 } })).toBeUndefined();
  });
});

describe('a small line', () => {
  it('has its newest value on the right, high values above', () => {
    expect(sparkPoints([0, 100], 0, 100)).toBe('3.0,21.0 93.0,3.0');
    expect(sparkPoints([5], 0, 10)).toBe('93.0,12.0');
    expect(sparkPoints([0, 0], 0, 0)).toBe('3.0,21.0 93.0,21.0');
  });
});
