// Speed over the truck's last hours, as a small area.
import type { ReactElement } from 'react';
import { formatTime, toNumber, toTime } from '../../format/format';
import type { Row } from '../../server/types';

const kWidth = 344;
const kHeight = 72;
const kSpeedMin = 90;

export function SpeedStrip({ rows }: { rows: Row[] }): ReactElement | null {
  const points = rows.flatMap((row) => {
    const time = toTime(row.event_time);
    const speed = toNumber(row.speed_kmh);
    return time === null || speed === null ? [] : [{ time, speed }];
  });
  const first = points[0]?.time;
  const last = points.at(-1)?.time;
  if (first === undefined || last === undefined || points.length < 2) return null;
  const top = Math.max(kSpeedMin, ...points.map(({ speed }) => speed));
  const line = points
    .map(({ time, speed }) => `${(((time - first) / (last - first || 1)) * kWidth).toFixed(1)} ${(kHeight - (speed / top) * kHeight).toFixed(1)}`)
    .join('L');
  return (
    <figure className="speed-strip" aria-label={`Speed, up to ${Math.round(top)} km/h`}>
      <figcaption className="muted"><span>Speed</span><span>{Math.round(top)} km/h</span></figcaption>
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} preserveAspectRatio="none" aria-hidden="true">
        <path d={`M0 ${kHeight}L${line}L${kWidth} ${kHeight}Z`} className="strip-area" />
        <path d={`M${line}`} className="strip-line" vectorEffect="non-scaling-stroke" />
      </svg>
      <p className="muted"><span>{formatTime(first, last)}</span><span>{formatTime(last, last)}</span></p>
    </figure>
  );
}
