// One task of a run: what became of it, its log, and the buttons that run it again or mark it.
import { useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { Confirm } from '../../parts/confirm';
import { useSteerRun, useTaskLog } from '../../server/queries';
import type { DagRunWithTasks, DagTask } from '../../server/types_batch';
import { Outcome } from '../../parts/outcome';
import { runName } from './run_grid';
import { kTaskStates, taskWord } from './task_state';

type Action = { title: string; text: string; verb: 'clear' | 'mark'; body: Record<string, unknown>; done: string };

function actionsOf(task: string): Action[] {
  const mark = (state: string): Action => ({
    title: `Mark ${state}`, verb: 'mark', body: { task, state }, done: `${task} is marked ${state}`,
    text: `What waits for ${task} goes on as if it had ended so. Nothing is run or taken back.`,
  });
  return [
    { title: 'Run again with all behind', verb: 'clear', body: { task, downstream: true }, done: `${task} and all behind it run again`, text: 'It and every task that waits for it, directly or through others, run again.' },
    { title: 'Run again alone', verb: 'clear', body: { task, downstream: false }, done: `${task} runs again`, text: 'Tasks behind it stay as they are.' },
    mark('success'), mark('failed'), mark('skipped'),
  ];
}

function Log({ run, task }: { run: DagRunWithTasks; task: DagTask }): ReactElement {
  const [attempt, setAttempt] = useState(0);
  const query = useTaskLog(run.dag, run.run, task.task, attempt, task.state === 'running');
  return (
    <div>
      <div className="log-head">
        <h3>Log</h3>
        {task.attempt > 1 && (
          <label className="choice">
            Attempt
            <select value={attempt} onChange={(event) => setAttempt(Number(event.target.value))}>
              <option value={0}>newest</option>
              {Array.from({ length: task.attempt }, (_, i) => <option key={i} value={i + 1}>{i + 1}</option>)}
            </select>
          </label>
        )}
      </div>
      <pre className="log" tabIndex={0} aria-label={`Log of ${task.task}`}>
        {query.data ? query.data.log || 'Nothing was written.' : query.error ? query.error.message : 'Loading…'}
      </pre>
    </div>
  );
}

export function TaskPanel({ run, task }: { run: DagRunWithTasks; task: DagTask }): ReactElement {
  const steer = useSteerRun(run.dag, run.run);
  const [asked, setAsked] = useState<Action | null>(null);
  return (
    <section className="panel" aria-label={`Task ${task.task}`}>
      <div className="page-head">
        <h2>{task.task}</h2>
        <Badge tone={(kTaskStates[task.state] ?? kTaskStates.waiting).tone}>{taskWord(task)}</Badge>
      </div>
      <p className="muted">
        {runName(run)}
        {task.attempt > 0 && `, attempt ${formatCount(task.attempt)}`}
        {task.started_at && <>, started <Ago time={task.started_at} /></>}
        {task.next_at && <>, again <Ago time={task.next_at} /></>}
      </p>
      {task.message && <p className={task.state === 'failed' || task.state === 'retry' ? 'bad task-message' : 'task-message'}>{task.message}</p>}
      <div className="button-row">
        {actionsOf(task.task).map((action) => (
          <button key={action.title} type="button" className="button" disabled={steer.isPending} onClick={() => setAsked(action)}>{action.title}</button>
        ))}
      </div>
      <Outcome mutation={steer} done={steer.variables?.done} />
      {task.attempt > 0 && <Log key={task.task} run={run} task={task} />}
      {asked && (
        <Confirm
          title={`${asked.title}: ${task.task}?`}
          action={asked.title}
          onCancel={() => setAsked(null)}
          onConfirm={() => {
            steer.mutate(asked);
            setAsked(null);
          }}
        >
          {asked.text}
        </Confirm>
      )}
    </section>
  );
}
