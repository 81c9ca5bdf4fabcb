// The shape of /v1/lineage (docs/http-api.md).

export interface LineageNode {
  id: string;
  kind: 'topic' | 'bronze' | 'streaming' | 'batch';
  columns: string[];
}

export interface LineageEdge {
  from: string;
  to: string;
  columns: { from: string; to: string }[];
  /** Columns that decide which rows there are. */
  rows?: string[];
}

export interface Lineage {
  nodes: LineageNode[];
  edges: LineageEdge[];
}
