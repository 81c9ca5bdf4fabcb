// The shapes of /v1/quality and /v1/dead-letters/redrives (docs/http-api.md).

export interface Expectation {
  type: string;
  kwargs: Record<string, unknown>;
  severity?: string;
  meta?: { notes?: unknown };
}

export interface Suite {
  file: string;
  name: string;
  rules: number;
  /** Tables that the suite guards. */
  models: string[];
  expectations: Expectation[];
}

export interface ValidationHead {
  id: string;
  time: string;
  suite: string;
  table: string;
  version: number;
  success: boolean;
  statistics: {
    evaluated_expectations: number;
    successful_expectations: number;
    unsuccessful_expectations: number;
    success_percent: number | null;
  };
}

export interface Trend {
  suite: string;
  table: string;
  type: string;
  kwargs: Record<string, unknown>;
  /** Oldest first. */
  points: { time: string; success: boolean; unexpected_percent: number | null; observed_value: unknown }[];
}

export interface FailingRows {
  success: boolean;
  result: { unexpected_count?: number; element_count?: number; unexpected_rows?: Record<string, unknown>[] };
}

export interface RedriveRequest {
  ids: string[];
  repair?: string;
  dry_run?: boolean;
}

export interface Redriven {
  redriven: number;
  skipped: number;
  in_doubt: string[];
  would_redrive?: number;
  examples?: { id: string; from: string; to: string }[];
}
