// A pipeline's running plan as a graph: topics, models, tables.
import type { Edge } from '../../parts/layered';
import type { Stream, StreamModel } from '../../server/types_streams';

export type FlowNode =
  | { kind: 'topic'; id: string; name: string; records: number; waiting: number }
  | { kind: 'model'; id: string; model: StreamModel }
  | { kind: 'table'; id: string; name: string; looked_up: boolean };

export interface FlowEdge extends Edge {
  /** Whose rows it carries: a key of the rates. */
  carries: string;
  side: 'in' | 'out';
  looked_up: boolean;
}

const kBronze = 'bronze.';

/** Where a model's input stands in the drawing: a topic (by its bronze table), or a table. */
function sourceOf(stream: Stream, table: string): string {
  const topic = table.startsWith(kBronze) ? table.slice(kBronze.length) : null;
  return topic !== null && stream.topics.some((one) => one.topic === topic) ? `topic ${topic}` : `table ${table}`;
}

export function flowOf(stream: Stream): { nodes: FlowNode[]; edges: FlowEdge[] } {
  const nodes: FlowNode[] = stream.topics.map(({ topic, records, taken }) => (
    { kind: 'topic', id: `topic ${topic}`, name: topic, records, waiting: Math.max(0, records - taken) }));
  const edges: FlowEdge[] = [];
  for (const model of stream.plan) {
    nodes.push({ kind: 'model', id: `model ${model.model}`, model });
    nodes.push({ kind: 'table', id: `table ${model.model}`, name: model.model, looked_up: false });
    edges.push({ from: `model ${model.model}`, to: `table ${model.model}`, carries: model.model, side: 'out', looked_up: false });
  }
  const known = new Set(nodes.map(({ id }) => id));
  for (const model of stream.plan) {
    for (const { table, static: looked_up } of model.reads) {
      const from = sourceOf(stream, table);
      if (!known.has(from)) {
        known.add(from);
        nodes.push({ kind: 'table', id: from, name: table, looked_up });
      }
      edges.push({ from, to: `model ${model.model}`, carries: model.model, side: 'in', looked_up });
    }
  }
  return { nodes, edges };
}

/** What a model is doing, in a word. */
export function workOf(model: StreamModel, stream: Pick<Stream, 'state'>): { tone: 'ok' | 'warn' | 'bad' | 'idle'; word: string } {
  if (stream.state === 'failed') return { tone: 'bad', word: 'failed' };
  if (model.state_of_work.startsWith('held back')) return { tone: 'bad', word: 'held back' };
  if (model.state_of_work === 'paused') return { tone: 'warn', word: 'paused' };
  if (model.state_of_work.startsWith('to be built')) return { tone: 'warn', word: 'building anew' };
  if (model.behind && model.mode !== 'streaming') return { tone: 'idle', word: model.mode };
  if (model.behind) return { tone: 'warn', word: 'catching up' };
  return stream.state === 'idle' ? { tone: 'idle', word: 'idle' } : { tone: 'ok', word: 'running' };
}
