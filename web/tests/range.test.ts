import { describe, expect, it } from 'vitest';
import { bucketSeconds, fillSql, kRanges, rangeOf } from '../src/views/dashboards/range';

describe('the range of a dashboard', () => {
  it('is named by its id or in words, and is a day otherwise', () => {
    expect(rangeOf('6h').seconds).toBe(21_600);
    expect(rangeOf('7 days').id).toBe('7d');
    expect(rangeOf('nonsense').id).toBe('24h');
    expect(rangeOf(null).id).toBe('24h');
  });
  it('is cut into about a hundred steps', () => {
    for (const range of kRanges.filter(({ seconds }) => seconds > 0)) {
      const points = range.seconds / bucketSeconds(range);
      expect(points).toBeGreaterThan(10);
      expect(points).toBeLessThanOrEqual(120);
    }
  });
});

describe("a panel's SQL", () => {
  it('has the range and the parameters in it', () => {
    expect(fillSql('t >= $from AND t < $to AND h = $hub', rangeOf('1h'), { hub: "O'Hare" }))
      .toBe("t >= (now() - INTERVAL '3600 seconds') AND t < now() AND h = 'O''Hare'");
    expect(fillSql('time_bucket($bucket, t)', rangeOf('6h'), {})).toBe("time_bucket(INTERVAL '300 seconds', t)");
  });
  it('has NULL where nothing is chosen, and keeps what is no parameter', () => {
    expect(fillSql('$hub IS NULL OR x = $other', rangeOf('1h'), { hub: null })).toBe('NULL IS NULL OR x = $other');
  });
  it('cannot be left by a value', () => {
    expect(fillSql('h = $hub', rangeOf('1h'), { hub: "'; DROP TABLE x; --" })).toBe("h = '''; DROP TABLE x; --'");
  });
});
