// The tasks of a DAG and what waits for what, in the colours of one run.
import type { ReactElement } from 'react';
import { Graph } from '../../parts/graph';
import type { DagDetails, DagRunWithTasks } from '../../server/types_batch';
import { setUrl } from '../../url-state';
import { TaskMark, taskWord } from './task_state';

const kNode = { width: 188, height: 52 };

export function TaskGraph({ dag, run, task }: { dag: DagDetails; run: DagRunWithTasks | undefined; task: string | null }): ReactElement {
  const nodes = dag.graph.map((node) => {
    const state = run?.tasks.find((other) => other.task === node.task);
    return {
      id: node.task, ...kNode,
      content: (
        <button
          type="button" className="dag-node" aria-pressed={task === node.task}
          onClick={() => setUrl({ task: node.task, run: run?.run ?? null })}
        >
          <TaskMark state={state?.state} />
          <span><strong>{node.task}</strong><span className="muted">{node.kind}{state && `, ${taskWord(state)}`}</span></span>
        </button>
      ),
    };
  });
  const edges = dag.graph.flatMap((node) => node.depends_on.map((from) => ({ from, to: node.task, dashed: node.trigger !== 'all_success' })));
  return <Graph label={`Tasks of ${dag.dag}`} nodes={nodes} edges={edges} />;
}
