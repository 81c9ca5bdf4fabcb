// The shapes of /v1/dags and /v1/backfills (docs/http-api.md).

export type TaskState =
  'waiting' | 'ready' | 'running' | 'retry' | 'sensing' | 'success' | 'failed' | 'skipped' | 'upstream_failed';
export type RunState = 'running' | 'success' | 'failed';

export interface DagRun {
  dag: string;
  run: string;
  kind: string;
  state: RunState;
  interval: { start: string | null; end: string | null };
  parameters: Record<string, string>;
  created_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  counts: Record<string, number>;
  expected_end_at?: string | null;
  deadline_at?: string;
}

export interface DagTask {
  task: string;
  state: TaskState;
  attempt: number;
  generation: number;
  started_at: string | null;
  ended_at: string | null;
  next_at?: string;
  message?: string;
  marked?: boolean;
}

export interface DagRunWithTasks extends DagRun {
  tasks: DagTask[];
}

export interface DagOverview {
  dag: string;
  description: string;
  file: string;
  implicit: boolean;
  paused: boolean;
  schedule: string | null;
  time_zone: string | null;
  tasks: number;
  next_at: string | null;
  last_run: DagRun | null;
}

export interface GraphTask {
  task: string;
  kind: string;
  depends_on: string[];
  trigger: string;
  retries: number;
  timeout_seconds: number;
  pool: string;
  priority: number;
}

export interface DagDetails extends DagOverview {
  graph: GraphTask[];
  /** Newest first. */
  runs: DagRunWithTasks[];
}

export interface NextRun {
  at: string;
  dag: string;
  interval: { start: string; end: string };
  paused: boolean;
}

export type BackfillState = 'running' | 'failed' | 'ready' | 'refused' | 'publishing' | 'done' | 'undone' | 'cancelled';
export type BackfillVerb = 'publish' | 'undo' | 'redo' | 'cancel';

export interface BackfillRequest {
  model: string;
  from: string;
  to: string;
  expect: string;
  parallel: number;
}

/** What a dry run says. */
export interface BackfillEstimate {
  model: string;
  tables: string[];
  partitions: number;
  first: string;
  last: string;
  rows_now: number;
  bytes_now: number;
  input_bytes: number;
  sample_rows: number;
  estimated_seconds: number;
  downstream: { table: string; rows_now: number; bytes_now: number }[];
  inputs: Record<string, number>;
}

export interface QualityOutcome {
  suite: string;
  expectations: number;
  failed: string[];
  warnings: string[];
}

export interface RowDiff {
  old_rows: number;
  new_rows: number;
  same: number;
  added: number;
  removed: number;
  changed: number;
  columns: Record<string, number>;
  schema: string[];
  samples: { what: string; expected?: boolean; old: Record<string, unknown> | null; new: Record<string, unknown> | null }[];
}

export interface Backfill {
  backfill: string;
  model: string;
  from: string;
  to: string;
  expect: string;
  parallel: number;
  state: BackfillState;
  error: string;
  tables: {
    table: string;
    model_version: number;
    model_hash: string;
    partitions: number;
    done: number;
    rows: number;
    failed: { partition: string; error: string }[];
  }[];
  report?: {
    tables: { table: string; partitions: number; diff: RowDiff; quality?: QualityOutcome }[];
    problems: string[];
    rows: number;
    bytes: number;
    work_ms: number;
  } | null;
  published: { table: string; version: number; operation: string }[];
  started_at: string | null;
  ended_at: string | null;
}
