// When each task of a run ran, one under the other over the same time.
import type { ReactElement } from 'react';
import { formatSpan, formatTime } from '../../format/format';
import { useNow } from '../../parts/now';
import type { DagRunWithTasks } from '../../server/types_batch';
import { setUrl } from '../../url-state';
import { ganttOf } from './gantt_scale';
import { kTaskStates, TaskMark, taskWord } from './task_state';

export function Gantt({ run, task }: { run: DagRunWithTasks; task: string | null }): ReactElement {
  const now = useNow();
  const { bars, from, ms } = ganttOf(run.tasks, now);
  return (
    <div className="gantt">
      <p className="gantt-axis muted"><span>{formatTime(from, now)}</span><span>{formatSpan(ms)}</span></p>
      <ul>
        {bars.map(({ task: one, from: start, to, ms: took }) => (
          <li key={one.task}>
            <button type="button" className="gantt-row" aria-pressed={one.task === task} onClick={() => setUrl({ run: run.run, task: one.task })}>
              <TaskMark state={one.state} />
              <span className="gantt-name">{one.task}</span>
              <span className="gantt-track">
                {start !== undefined && to !== undefined && (
                  <i
                    className={`gantt-bar gantt-bar-${(kTaskStates[one.state] ?? kTaskStates.waiting).tone}`}
                    style={{ left: `${start * 100}%`, width: `max(3px, ${(to - start) * 100}%)` }}
                  />
                )}
              </span>
              <span className="gantt-took">{took === undefined ? '–' : formatSpan(took)}</span>
              <span className="visually-hidden">{taskWord(one)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
