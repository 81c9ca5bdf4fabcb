// A series of days with the band that is usual, as shapes of an SVG.
import type { MonitorPoint } from '../../server/types_quality';

export const kBandWidth = 320;
export const kBandHeight = 84;
const kEdge = 4;

export interface BandShapes {
  line: string;
  /** The usual band as a polygon; empty where no day has one. */
  band: string;
  marks: { x: number; y: number; point: MonitorPoint }[];
}

/** Distances have no lower end, and nothing is usually less than nothing. */
const lowOf = (point: MonitorPoint): number => Math.max(0, point.low ?? point.value);

export function bandShapes(points: MonitorPoint[]): BandShapes {
  const first = Date.parse(points[0]?.day ?? '');
  const last = Date.parse(points.at(-1)?.day ?? '');
  const highest = Math.max(...points.map((one) => Math.max(one.value, one.high ?? one.value)), 0);
  const lowest = Math.min(...points.map((one) => Math.min(one.value, lowOf(one))));
  const from = lowest > highest / 2 ? lowest : Math.min(0, lowest);
  const span = highest - from || 1;
  const x = (one: MonitorPoint): number =>
    (last === first ? kBandWidth - kEdge : kEdge + ((Date.parse(one.day) - first) / (last - first)) * (kBandWidth - 2 * kEdge));
  const y = (value: number): number => kBandHeight - kEdge - ((value - from) / span) * (kBandHeight - 2 * kEdge);
  const at = (one: MonitorPoint, value: number): string => `${x(one).toFixed(1)},${y(value).toFixed(1)}`;
  const judged = points.filter((one) => one.high !== undefined);
  return {
    line: points.map((one) => at(one, one.value)).join(' '),
    band: judged.length < 2 ? '' : [...judged.map((one) => at(one, one.high!)), ...[...judged].reverse().map((one) => at(one, lowOf(one)))].join(' '),
    marks: points.filter((one, i) => one.found || one.backfilled || i === points.length - 1).map((point) => ({ x: x(point), y: y(point.value), point })),
  };
}
