// A time as its age, with the full time where the pointer rests.
import type { ReactElement } from 'react';
import { formatAgo, formatFull, formatTime, toTime } from '../format/format';
import { useNow } from './now';

export function Ago({ time, both = false }: { time: unknown; both?: boolean }): ReactElement {
  const now = useNow();
  const at = toTime(time);
  if (at === null) return <span>–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={formatFull(time)}>
      {both && <>{formatTime(time, now)} <span className="muted">·</span> </>}
      <span className={both ? 'muted' : undefined}>{formatAgo(time, now)}</span>
    </time>
  );
}
