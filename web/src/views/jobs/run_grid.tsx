// The newest runs side by side, a row a task: what failed, since when, and what it held up.
import { useLayoutEffect, useRef, type ReactElement } from 'react';
import { formatFull } from '../../format/format';
import type { DagDetails, DagRunWithTasks } from '../../server/types_batch';
import { setUrl } from '../../url-state';
import { TaskMark, taskWord } from './task_state';

const kShown = 30;
export const runName = (run: Pick<DagRunWithTasks, 'run' | 'kind' | 'interval'>): string =>
  `${run.kind} run${run.interval.end ? ` of ${formatFull(run.interval.end).replace(/:00 UTC$/, ' UTC')}` : ` ${run.run}`}`;

export function RunGrid({ dag, run, task }: { dag: DagDetails; run: string | null; task: string | null }): ReactElement {
  const runs = dag.runs.slice(0, kShown).reverse();
  const box = useRef<HTMLDivElement>(null);
  const newest = dag.runs[0]?.run;
  // The newest are in sight where not all fit.
  useLayoutEffect(() => {
    if (box.current) box.current.scrollLeft = box.current.scrollWidth;
  }, [newest]);
  return (
    <div ref={box} className="run-grid" role="region" aria-label="Grid of runs and tasks" tabIndex={0}>
      <table>
        <caption className="visually-hidden">States of tasks in the newest {runs.length} runs, newest on the right</caption>
        <thead>
          <tr>
            <th scope="col">Task</th>
            {runs.map((one) => (
              <th key={one.run} scope="col">
                <button
                  type="button" className="grid-run" aria-pressed={one.run === run} title={`${runName(one)}: ${one.state}`}
                  aria-label={`${runName(one)}, ${one.state}`} onClick={() => setUrl({ run: one.run, task: null })}
                >
                  <TaskMark state={one.state} />
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {dag.graph.map(({ task: name }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {runs.map((one) => {
                const state = one.tasks.find((other) => other.task === name);
                return (
                  <td key={one.run}>
                    {state && (
                      <button
                        type="button" className="grid-cell" aria-pressed={one.run === run && name === task}
                        title={`${name}, ${runName(one)}: ${taskWord(state)}`} aria-label={`${name}, ${runName(one)}: ${taskWord(state)}`}
                        onClick={() => setUrl({ run: one.run, task: name })}
                      >
                        <TaskMark state={state.state} />
                      </button>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
