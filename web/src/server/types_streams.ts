// The shapes of /v1/streams and /v1/models (docs/http-api.md).
import type { Pipeline } from './types';

export interface RowCounts {
  in: number;
  out: number;
  late: number;
  dead: number;
  /** Rows given, where they are not the rows taken in one by one. */
  made?: number;
  filtered: Record<string, number>;
}

export interface Stage {
  stage: string;
  name?: string;
  reads: string | string[];
  sql?: string;
  state?: string;
  rows?: number;
  bytes?: number;
  bounded_by?: string;
}

export interface StreamModel {
  model: string;
  mode: string;
  shape: string;
  state_of_work: string;
  behind: boolean;
  watermark?: string;
  reads: { table: string; static: boolean }[];
  stages: Stage[];
  state_bytes?: number;
  rows: RowCounts;
  last?: RowCounts & { epoch: number; elapsed_ms: number };
}

export interface Stream extends Pipeline {
  /** False: another worker runs it, and only what is in the ledger is known here. */
  here: boolean;
  worker?: string;
  now: string;
  topics: { topic: string; partitions: number; records: number; taken: number }[];
  plan: StreamModel[];
}

export type ModelCommand = 'pause' | 'resume' | 'rewind';
