// The running plan of each pipeline, drawn: topics, models with their stages, tables.
import { Waypoints } from 'lucide-react';
import { useEffect, useState, type ReactElement } from 'react';
import { formatCompact, formatCount, formatSpan } from '../../format/format';
import { Badge, type Tone } from '../../parts/badge';
import { Graph, type GraphEdge, type GraphNode } from '../../parts/graph';
import { Empty, Failed, Loading } from '../../parts/states';
import { useStatus, useStreams } from '../../server/queries';
import type { LakeTable } from '../../server/types';
import type { Stream } from '../../server/types_streams';
import { setUrl, useUrlParam } from '../../url-state';
import { flowOf, type FlowEdge, type FlowNode } from './flow';
import { ModelDetails } from './model_details';
import { ModelNode, sizeOf, TableNode, TopicNode } from './nodes';
import { rateOf, sampleOf, withSample, type Sample } from './rates';
import './streams.css';

const kTones: Record<string, Tone> = { running: 'ok', idle: 'idle', failed: 'bad' };

/** A thin line stands still; ten times the rows are a pixel more. */
function weightOf(edge: FlowEdge, samples: Sample[]): number {
  const rate = rateOf(samples, edge.carries)?.[edge.side] ?? 0;
  return rate <= 0 ? 1.5 : Math.min(5, 1.5 + 0.7 * Math.log10(1 + rate));
}

function Plan({ stream, tables, samples, chosen }: {
  stream: Stream; tables: Map<string, LakeTable>; samples: Sample[]; chosen: string | null;
}): ReactElement {
  const { nodes, edges } = flowOf(stream);
  const content = (node: FlowNode): ReactElement => {
    if (node.kind === 'topic') return <TopicNode {...node} />;
    if (node.kind === 'table') return <TableNode name={node.name} looked_up={node.looked_up} table={tables.get(node.name)} />;
    const { model } = node.model;
    return (
      <ModelNode
        model={node.model}
        stream={stream}
        rate={rateOf(samples, model)}
        chosen={chosen === model}
        onChoose={() => setUrl({ model: chosen === model ? null : model })}
      />
    );
  };
  const drawn: GraphNode[] = nodes.map((node) => ({ id: node.id, ...sizeOf(node), content: content(node) }));
  const lines: GraphEdge[] = edges.map((edge) => ({ from: edge.from, to: edge.to, dashed: edge.looked_up, weight: weightOf(edge, samples) }));
  return <Graph label={`Running plan of ${stream.name}`} nodes={drawn} edges={lines} />;
}

function PipelineSection({ stream, tables, samples, chosen }: Parameters<typeof Plan>[0]): ReactElement {
  const model = stream.plan.find((one) => one.model === chosen);
  const fresh = stream.freshness_seconds;
  return (
    <section className="flow" aria-label={`Pipeline ${stream.name}`}>
      <header className="flow-head">
        <h2>{stream.name}</h2>
        <Badge tone={kTones[stream.state] ?? 'idle'}>{stream.state}</Badge>
        <p className="muted">
          {formatCompact(stream.records_per_second)} records/s · {formatCount(stream.lag_records)} waiting
          {' · '}epoch {formatCount(stream.epoch)}{fresh === null ? '' : `, ${formatSpan(fresh * 1_000)} ago`}
          {!stream.here && ` · runs in worker ${stream.worker || 'unknown'}`}
        </p>
      </header>
      {stream.error && <p className="row-error" role="alert">{stream.error}</p>}
      <Plan stream={stream} tables={tables} samples={samples} chosen={chosen} />
      {model && <ModelDetails key={model.model} model={model} stream={stream} rate={rateOf(samples, model.model)} onClose={() => setUrl({ model: null })} />}
    </section>
  );
}

function useSamples(streams: Stream[] | undefined): Sample[] {
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => {
    if (streams) setSamples((kept) => withSample(kept, sampleOf(streams)));
  }, [streams]);
  return samples;
}

export function Streams(): ReactElement {
  const query = useStreams();
  const status = useStatus();
  const samples = useSamples(query.data);
  const chosen = useUrlParam('model');
  const streams = query.data;
  const tables = new Map(status.data?.tables.map((table) => [table.name, table]));
  return (
    <div className="page">
      <h1>Streams</h1>
      {!streams && (query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading rows={6} />)}
      {streams?.length === 0 && (
        <Empty icon={Waypoints} title="No streaming pipelines">Write a model with mode: streaming into models/ of the project.</Empty>
      )}
      {streams?.map((stream) => (
        <PipelineSection key={stream.name} stream={stream} tables={tables} samples={samples} chosen={chosen} />
      ))}
    </div>
  );
}
