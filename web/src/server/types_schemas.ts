// The shapes of /v1/schemas (docs/http-api.md).

export interface SubjectHead {
  subject: string;
  type?: string;
  id?: number;
  level: string;
  own_level: boolean;
  mode: string;
  deleted: boolean;
  versions: number[];
  topics: string[];
  models: string[];
  referenced_by?: number[];
}

export interface Subjects {
  embedded: boolean;
  listener: string;
  level?: string;
  mode?: string;
  truncated?: boolean;
  subjects: SubjectHead[];
  elsewhere: { topic: string; subject: string; registry: string }[];
}

export interface SchemaVersion {
  version: number;
  id: number;
  type: string;
  schema: string;
  references: { name: string; subject: string; version: number }[];
  deleted: boolean;
}

export interface Subject extends Omit<SubjectHead, 'versions'> {
  /** Oldest first. */
  versions: SchemaVersion[];
}

export interface Comparison {
  from: string;
  to: string;
  level: string;
  compatible: boolean;
  problems: string[];
}
