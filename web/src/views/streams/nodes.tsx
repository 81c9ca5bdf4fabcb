// The boxes of a running plan.
import { Database, Radio, Table2 } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCompact, formatSpan, toTime } from '../../format/format';
import { Badge } from '../../parts/badge';
import type { LakeTable } from '../../server/types';
import type { Stream, StreamModel } from '../../server/types_streams';
import { workOf, type FlowNode } from './flow';
import type { Rate } from './rates';

export const kNodeSizes = { topic: { width: 176, height: 52 }, table: { width: 184, height: 52 } };
const kModelWidth = 252;
const kModelHeight = 94;
const kStageHeight = 20;

export function sizeOf(node: FlowNode): { width: number; height: number } {
  if (node.kind !== 'model') return kNodeSizes[node.kind];
  const { stages, rows } = node.model;
  const lines = stages.length + (rows.late > 0 || rows.dead > 0 ? 1 : 0);
  return { width: kModelWidth, height: kModelHeight + kStageHeight * lines };
}

export const perSecond = (rate: number | undefined): string =>
  rate === undefined ? '–' : rate > 0 && rate < 10 ? rate.toFixed(1) : formatCompact(rate);

export function TopicNode({ name, records, waiting }: Extract<FlowNode, { kind: 'topic' }>): ReactElement {
  return (
    <div className="flow-box">
      <p className="flow-title"><Radio size={14} aria-hidden="true" /><strong title={name}>{name}</strong></p>
      <p className="muted">{formatCompact(records)} records{waiting > 0 && `, ${formatCompact(waiting)} waiting`}</p>
    </div>
  );
}

export function TableNode({ name, table, looked_up }: {
  name: string; table: LakeTable | undefined; looked_up: boolean;
}): ReactElement {
  const Icon = looked_up ? Database : Table2;
  return (
    <div className="flow-box">
      <p className="flow-title"><Icon size={14} aria-hidden="true" /><strong title={name}>{name}</strong></p>
      <p className="muted">
        {table ? `${formatCompact(table.rows)} rows, version ${table.version}` : 'no commit yet'}
        {looked_up && ', looked up'}
      </p>
    </div>
  );
}

export const watermarkLagMs = (model: StreamModel, now: string): number | null => {
  const [mark, at] = [toTime(model.watermark), toTime(now)];
  return mark === null || at === null ? null : Math.max(0, at - mark);
};

export function ModelNode({ model, stream, rate, chosen, onChoose }: {
  model: StreamModel; stream: Stream; rate: Rate | undefined; chosen: boolean; onChoose: () => void;
}): ReactElement {
  const { tone, word } = workOf(model, stream);
  const lag = watermarkLagMs(model, stream.now);
  const { late, dead } = model.rows;
  return (
    <button type="button" className="flow-box flow-model" aria-pressed={chosen} onClick={onChoose}>
      <span className="flow-title">
        <strong title={model.model}>{model.model}</strong>
        <Badge tone={tone}>{word}</Badge>
      </span>
      <span className="flow-rates">
        <b>{perSecond(rate?.in)}</b>/s in<i aria-hidden="true">→</i><b>{perSecond(rate?.out)}</b>/s out
      </span>
      <span className="flow-stages">
        {model.stages.map(({ stage, name, rows }, i) => (
          <span key={name ?? i}><em>{stage}</em>{rows !== undefined && <span>{formatCompact(rows)} rows</span>}</span>
        ))}
      </span>
      <span className="flow-foot muted">
        <span>{model.last ? `${formatSpan(model.last.elapsed_ms)} an epoch` : 'no epoch yet'}</span>
        {lag !== null && <span>watermark {formatSpan(lag)}</span>}
      </span>
      {(late > 0 || dead > 0) && (
        <span className="flow-foot muted">
          <span>{formatCompact(late)} late</span>
          <span className={dead > 0 ? 'bad' : undefined}>{formatCompact(dead)} dead</span>
        </span>
      )}
    </button>
  );
}
