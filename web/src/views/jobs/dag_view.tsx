// One DAG: its newest runs as a grid, its tasks as a graph, a run over time, a task with its log.
import { ArrowLeft, Pause, Play } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { formatFull } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { Confirm } from '../../parts/confirm';
import { Failed, Loading } from '../../parts/states';
import { useDag, useNextRuns, useSteerDag } from '../../server/queries';
import type { DagDetails } from '../../server/types_batch';
import { setUrl, useUrlParam } from '../../url-state';
import { Gantt } from './gantt';
import { Outcome } from '../../parts/outcome';
import { RunGrid, runName } from './run_grid';
import { TaskGraph } from './task_graph';
import { TaskPanel } from './task_panel';
import { kRunTones } from './task_state';

type Verb = 'run' | 'pause' | 'resume';
const kVerbs: Record<Verb, { title: string; text: string; done: string }> = {
  run: { title: 'Run now', text: 'A run begins now, over the interval that its schedule would have, with the parameters of its file.', done: 'A run begins' },
  pause: { title: 'Pause', text: 'No new runs begin. Runs that have begun go on to their end.', done: 'Paused' },
  resume: { title: 'Resume', text: 'Runs begin on schedule again.', done: 'Resumed' },
};

function Head({ dag }: { dag: DagDetails }): ReactElement {
  const steer = useSteerDag(dag.dag);
  const [asked, setAsked] = useState<Verb | null>(null);
  const next = useNextRuns(dag.dag, 5).data ?? [];
  const verbs: [Verb, typeof Play][] = [['run', Play], dag.paused ? ['resume', Play] : ['pause', Pause]];
  return (
    <>
      <div className="page-head">
        <button type="button" className="button-icon" aria-label="All jobs" onClick={() => setUrl({ dag: null, run: null, task: null })}>
          <ArrowLeft size={20} aria-hidden="true" />
        </button>
        <h1>{dag.dag} <Badge tone={dag.paused ? 'warn' : 'ok'}>{dag.paused ? 'paused' : 'on'}</Badge></h1>
        {verbs.map(([verb, Icon]) => (
          <button key={verb} type="button" className="button" disabled={steer.isPending} onClick={() => setAsked(verb)}>
            <Icon size={16} aria-hidden="true" /> {kVerbs[verb].title}
          </button>
        ))}
      </div>
      <p className="muted">
        {dag.description}{dag.description && ' · '}{dag.schedule ? `${dag.schedule} ${dag.time_zone ?? ''}` : 'by hand only'} · {dag.file || 'made of models\' own schedules'}
      </p>
      {next.length > 0 && (
        <p className="muted">Next: {next.map(({ at }, i) => <span key={at} title={formatFull(at)}>{i > 0 && ', '}<Ago time={at} /></span>)}</p>
      )}
      <Outcome mutation={steer} done={steer.variables && kVerbs[steer.variables].done} />
      {asked && (
        <Confirm
          title={`${kVerbs[asked].title}: ${dag.dag}?`} action={kVerbs[asked].title} onCancel={() => setAsked(null)}
          onConfirm={() => {
            steer.mutate(asked);
            setAsked(null);
          }}
        >
          {kVerbs[asked].text}
        </Confirm>
      )}
    </>
  );
}

export function DagView({ name }: { name: string }): ReactElement {
  const query = useDag(name);
  const runId = useUrlParam('run');
  const taskName = useUrlParam('task');
  const dag = query.data;
  if (!dag) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading rows={6} />;
  const run = dag.runs.find((one) => one.run === runId) ?? dag.runs[0];
  const task = run?.tasks.find((one) => one.task === taskName);
  return (
    <>
      <Head dag={dag} />
      <TaskGraph dag={dag} run={run} task={taskName} />
      {run ? (
        <>
          <RunGrid dag={dag} run={run.run} task={taskName} />
          <section className="panel" aria-label="Run over time">
            <div className="page-head">
              <h2>{runName(run)}</h2>
              <Badge tone={kRunTones[run.state]}>{run.state}</Badge>
              <p className="muted">
                {run.started_at ? <>started <Ago time={run.started_at} /></> : 'not started'}
                {run.expected_end_at && <>, expected to end <Ago time={run.expected_end_at} /></>}
                {run.deadline_at && <>, deadline <Ago time={run.deadline_at} /></>}
              </p>
            </div>
            <Gantt run={run} task={taskName} />
          </section>
          {task && <TaskPanel key={`${run.run}/${task.task}`} run={run} task={task} />}
        </>
      ) : <p className="muted">No run yet.</p>}
    </>
  );
}
