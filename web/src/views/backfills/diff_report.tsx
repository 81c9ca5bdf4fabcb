// What a backfill would change in a table: rows by what becomes of them, columns, samples.
import type { ReactElement } from 'react';
import { formatCount, formatShare } from '../../format/format';
import { Badge } from '../../parts/badge';
import type { QualityOutcome, RowDiff } from '../../server/types_batch';
import { qualityText } from './words';

const kParts: { key: 'same' | 'changed' | 'added' | 'removed'; title: string }[] = [
  { key: 'same', title: 'Same' }, { key: 'changed', title: 'Changed' }, { key: 'added', title: 'Added' }, { key: 'removed', title: 'Removed' },
];

function Bar({ diff }: { diff: RowDiff }): ReactElement {
  const all = Math.max(1, kParts.reduce((sum, { key }) => sum + diff[key], 0));
  return (
    <div className="diff-bar" aria-hidden="true">
      {kParts.map(({ key }) => diff[key] > 0 && <i key={key} className={`diff-${key}`} style={{ flexGrow: diff[key] / all }} />)}
    </div>
  );
}

const text = (value: unknown): string => (value === null || value === undefined ? 'null' : typeof value === 'object' ? JSON.stringify(value) : String(value));

function Sample({ sample }: { sample: RowDiff['samples'][number] }): ReactElement {
  const row = sample.new ?? sample.old ?? {};
  const changes = sample.old && sample.new ? Object.keys(row).filter((name) => text(sample.old![name]) !== text(sample.new![name])) : [];
  return (
    <li>
      <Badge tone={sample.expected === false ? 'bad' : 'idle'}>{sample.expected === false ? `${sample.what}, not expected` : sample.what}</Badge>
      <span className="sample-row">
        {changes.map((name) => <code key={name} className="changed">{name}: {text(sample.old![name])} → {text(sample.new![name])}</code>)}
        {Object.entries(row).filter(([name]) => !changes.includes(name)).map(([name, value]) => <code key={name}>{name}: {text(value)}</code>)}
      </span>
    </li>
  );
}

export function DiffReport({ table, partitions, diff, quality }: {
  table: string; partitions: number; diff: RowDiff; quality?: QualityOutcome;
}): ReactElement {
  const columns = Object.entries(diff.columns).filter(([, rows]) => rows > 0);
  return (
    <section className="diff" aria-label={`Changes of ${table}`}>
      <h3>{table} <span className="muted">{formatCount(partitions)} partitions, {formatCount(diff.old_rows)} rows before, {formatCount(diff.new_rows)} after</span></h3>
      <Bar diff={diff} />
      <dl className="diff-numbers">
        {kParts.map(({ key, title }) => (
          <div key={key}>
            <dt><i className={`diff-${key}`} aria-hidden="true" />{title}</dt>
            <dd>{formatCount(diff[key])} <span className="muted">{formatShare(diff[key] / Math.max(1, diff.new_rows + diff.removed))}</span></dd>
          </div>
        ))}
      </dl>
      {diff.schema.length > 0 && <p>Schema: {diff.schema.join(', ')}</p>}
      {columns.length > 0 && <p className="muted">Columns that differ: {columns.map(([name, rows]) => `${name} in ${formatCount(rows)} rows`).join(', ')}</p>}
      {quality && <p className={quality.failed.length > 0 ? 'bad' : 'muted'}>Suite {qualityText(quality)}</p>}
      {diff.samples.length > 0 && (
        <details>
          <summary>{formatCount(diff.samples.length)} samples</summary>
          <ul className="samples">{diff.samples.map((sample, i) => <Sample key={i} sample={sample} />)}</ul>
        </details>
      )}
    </section>
  );
}
