// A uPlot chart that keeps its canvas while its data change.
import { useEffect, useRef, type ReactElement } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatValue, type Format } from '../../format/format';
import type { ChartSpec } from '../../server/types';
import { token, useTheme } from '../../theme';
import type { Series } from './series';

const kHeight = 252;
const kBarShare = 0.7;
const kBarMax = 28;

function options(spec: ChartSpec, series: Series, width: number, onCursor: (index: number | null) => void): uPlot.Options {
  const axis = {
    stroke: token('ink-3'),
    grid: { stroke: token('line'), width: 1 },
    ticks: { show: false },
    font: `12px ${token('font')}`,
  };
  const bars = spec.kind === 'bars';
  const zone = spec.zone === 'utc' ? 'UTC' : undefined;
  return {
    width,
    height: kHeight,
    legend: { show: false },
    padding: [8, zone ? 36 : 20, 0, 0], // the last tick may be "Dec 2025"
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: { x: { range: (_, min, max) => widen(series, bars, min, max) }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
    ...(spec.zone === 'utc' ? { tzDate: (time: number) => uPlot.tzDate(new Date(time * 1_000), 'Etc/UTC') } : {}),
    axes: [
      { ...axis, grid: { show: false }, space: 72, size: 32, values: (_, ticks, __, ___, step) => timeTicks(ticks, step, zone) },
      { ...axis, size: 56, space: 40, values: (_, ticks) => ticks.map((tick) => formatTick(tick, spec)) },
    ],
    series: [
      {},
      ...series.lines.map((line, i) => {
        const colour = token(`series-${i + 1}`);
        return {
          label: line.name,
          stroke: colour,
          width: bars ? 0 : 1.75,
          points: { show: !bars && series.x.length < 3, size: 5 },
          spanGaps: true,
          ...(bars ? { fill: colour, paths: uPlot.paths.bars!({ size: [kBarShare, kBarMax], radius: 0.15 }) } : {}),
        };
      }),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

// Half a bar of room on either side, so that the first and the last are whole.
function widen(series: Series, bars: boolean, min: number, max: number): [number, number] {
  const { x } = series;
  if (!bars) return min === max ? [min - 1_800, max + 1_800] : [min, max];
  const step = x.length < 2 ? 300 : Math.min(...x.slice(1).map((time, i) => time - x[i]!));
  return [min - step / 2, max + step / 2];
}

const kDaySeconds = 86_400;

function timeTicks(ticks: number[], step: number, timeZone: string | undefined): string[] {
  const parts: Intl.DateTimeFormatOptions =
    step < kDaySeconds ? { hour: '2-digit', minute: '2-digit' }
    : step < 28 * kDaySeconds ? { day: 'numeric', month: 'short' }
    : step < 365 * kDaySeconds ? { month: 'short', year: 'numeric' } : { year: 'numeric' };
  const format = new Intl.DateTimeFormat('en-GB', { ...parts, timeZone });
  return ticks.map((tick) => format.format(tick * 1_000));
}

function formatTick(tick: number, { format }: ChartSpec): string {
  if (format === 'share') return `${Math.round(tick * 100)} %`;
  return formatValue(tick, format === undefined || format === 'count' ? 'compact' : (format as Format));
}

export function Plot({ spec, series, onCursor }: {
  spec: ChartSpec; series: Series; onCursor: (index: number | null) => void;
}): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const names = series.lines.map(({ name }) => name).join('\n');
  const data = useRef<uPlot.AlignedData>([[]]);
  data.current = [series.x, ...series.lines.map(({ y }) => y)];

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(options(spec, series, element.clientWidth, onCursor), data.current, element);
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: kHeight }));
    observer.observe(element);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // The chart is made anew for other lines or colours, not for other values.
  }, [names, theme, spec.kind]);

  useEffect(() => plot.current?.setData(data.current), [series]);
  return <div ref={box} className="plot" style={{ height: kHeight }} />;
}
