// The shapes of /v1/backfills (docs/http-api.md).

export type BackfillState = 'running' | 'failed' | 'ready' | 'refused' | 'publishing' | 'done' | 'undone' | 'cancelled';
export type BackfillVerb = 'publish' | 'undo' | 'redo' | 'cancel';

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
    tables: { table: string; partitions: number; diff: RowDiff; quality?: { suite: string; failed: number; rows: number } }[];
    problems: string[];
    rows: number;
    bytes: number;
    work_ms: number;
  } | null;
  published: { table: string; version: number; operation: string }[];
  started_at: string | null;
  ended_at: string | null;
}
