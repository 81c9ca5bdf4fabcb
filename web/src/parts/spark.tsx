// A small line of numbers over time; what it says stands beside it in words.
import type { ReactElement } from 'react';

const kWidth = 96;
const kHeight = 24;

/** Points of a polyline; the newest on the right. Values lie between `low` and `high`. */
export function sparkPoints(values: number[], low: number, high: number): string {
  const span = high - low || 1;
  return values.map((value, i) => {
    const x = values.length === 1 ? kWidth - 3 : 3 + (i / (values.length - 1)) * (kWidth - 6);
    return `${x.toFixed(1)},${(kHeight - 3 - ((value - low) / span) * (kHeight - 6)).toFixed(1)}`;
  }).join(' ');
}

export function Spark({ values, low, high, bad }: { values: number[]; low: number; high: number; bad: boolean }): ReactElement | null {
  if (values.length === 0) return null;
  const points = sparkPoints(values, low, high);
  const [x, y] = points.split(' ').at(-1)!.split(',');
  return (
    <svg className={bad ? 'spark spark-bad' : 'spark'} width={kWidth} height={kHeight} aria-hidden="true">
      <polyline points={points} />
      <circle cx={x} cy={y} r="2.5" />
    </svg>
  );
}
