// When the tasks of a run ran, as shares of the time that is shown.
import { toTime } from '../../format/format';
import type { DagTask } from '../../server/types_batch';

export interface GanttBar {
  task: DagTask;
  /** 0 to 1; undefined where it has not started. */
  from?: number;
  to?: number;
  ms?: number;
}

export function ganttOf(tasks: DagTask[], now: number): { bars: GanttBar[]; from: number; ms: number } {
  const starts = tasks.map(({ started_at }) => toTime(started_at)).filter((time) => time !== null);
  const from = starts.length ? Math.min(...starts) : now;
  const ends = tasks.map(({ started_at, ended_at }) => (toTime(started_at) === null ? from : (toTime(ended_at) ?? now)));
  const ms = Math.max(1, Math.max(from, ...ends) - from);
  const bars = tasks.map((task): GanttBar => {
    const start = toTime(task.started_at);
    if (start === null) return { task };
    const end = Math.max(start, toTime(task.ended_at) ?? now);
    return { task, from: (start - from) / ms, to: (end - from) / ms, ms: end - start };
  });
  return { bars, from, ms };
}
