// How a task's state looks: a mark and a colour, never the colour alone.
import { Ban, Check, CircleDashed, Ear, Hourglass, LoaderCircle, RotateCw, SkipForward, X, type LucideIcon } from 'lucide-react';
import type { ReactElement } from 'react';
import type { Tone } from '../../parts/badge';
import type { DagTask, RunState, TaskState } from '../../server/types_batch';

export const kTaskStates: Record<TaskState, { tone: Tone; word: string; icon: LucideIcon }> = {
  waiting: { tone: 'idle', word: 'waits for others', icon: CircleDashed },
  ready: { tone: 'idle', word: 'waits for a slot', icon: Hourglass },
  running: { tone: 'warn', word: 'running', icon: LoaderCircle },
  retry: { tone: 'warn', word: 'will be tried again', icon: RotateCw },
  sensing: { tone: 'idle', word: 'looks for something', icon: Ear },
  success: { tone: 'ok', word: 'success', icon: Check },
  failed: { tone: 'bad', word: 'failed', icon: X },
  skipped: { tone: 'idle', word: 'skipped', icon: SkipForward },
  upstream_failed: { tone: 'bad', word: 'one before it failed', icon: Ban },
};
export const kRunTones: Record<RunState, Tone> = { running: 'warn', success: 'ok', failed: 'bad' };

export function TaskMark({ state }: { state: TaskState | undefined }): ReactElement {
  const { tone, icon: Icon } = kTaskStates[state ?? 'waiting'] ?? kTaskStates.waiting;
  return <i className={`task-mark task-mark-${tone}`} aria-hidden="true"><Icon size={12} strokeWidth={2.5} /></i>;
}

export const taskWord = (task: DagTask | undefined): string =>
  (task ? `${kTaskStates[task.state]?.word ?? task.state}${task.marked ? ', marked by a person' : ''}` : 'not in this run');
