// One backfill: how far it is, what its report says, and the buttons.
import { X } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { formatBytes, formatCount, formatSpan } from '../../format/format';
import { Badge } from '../../parts/badge';
import { Confirm } from '../../parts/confirm';
import { Outcome } from '../../parts/outcome';
import { Failed, Loading } from '../../parts/states';
import { useBackfill, useStartBackfill, useSteerBackfill } from '../../server/queries';
import type { Backfill, BackfillVerb } from '../../server/types_batch';
import { setUrl } from '../../url-state';
import { DiffReport } from './diff_report';
import { kStateTones, kStateWords, kVerbs, mayRunAgain, progressOf, spanText, verbsOf } from './words';

function Progress({ backfill }: { backfill: Backfill }): ReactElement {
  const { done, all, rows } = progressOf(backfill);
  return (
    <div>
      <progress className="progress" value={done} max={Math.max(1, all)} aria-label="Partitions done" />
      <p className="muted">{formatCount(done)} of {formatCount(all)} partitions, {formatCount(rows)} rows, {formatCount(backfill.parallel)} side by side</p>
    </div>
  );
}

function Faults({ backfill }: { backfill: Backfill }): ReactElement | null {
  const failed = backfill.tables.flatMap(({ table, failed: parts }) => parts.map((part) => ({ table, ...part })));
  if (failed.length === 0 && !backfill.error) return null;
  return (
    <ul className="faults">
      {backfill.error && <li className="bad">{backfill.error}</li>}
      {failed.map(({ table, partition, error }) => <li key={`${table}/${partition}`}><strong>{table} {partition}</strong> {error}</li>)}
    </ul>
  );
}

function Buttons({ backfill, onAsk, onAgain, busy }: {
  backfill: Backfill; onAsk: (verb: BackfillVerb) => void; onAgain: () => void; busy: boolean;
}): ReactElement {
  return (
    <span className="detail-buttons">
      {mayRunAgain(backfill) && <button type="button" className="button" disabled={busy} onClick={onAgain}>Run again</button>}
      {verbsOf(backfill).map((verb) => (
        <button key={verb} type="button" className={verb === 'publish' ? 'button button-main' : 'button'} disabled={busy} onClick={() => onAsk(verb)}>
          {kVerbs[verb].title}
        </button>
      ))}
      <button type="button" className="button-icon" aria-label="Close" onClick={() => setUrl({ backfill: null })}>
        <X size={18} aria-hidden="true" />
      </button>
    </span>
  );
}

export function BackfillDetails({ id }: { id: string }): ReactElement {
  const query = useBackfill(id);
  const steer = useSteerBackfill();
  const again = useStartBackfill();
  const [asked, setAsked] = useState<BackfillVerb | null>(null);
  const backfill = query.data;
  if (!backfill) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading rows={3} />;
  const { report, model, from, to, expect, parallel } = backfill;
  const runAgain = (): void =>
    again.mutate({ model, from, to, expect, parallel }, { onSuccess: (begun) => setUrl({ backfill: begun.backfill }) });
  return (
    <section className="panel" aria-label={`Backfill of ${backfill.model}`}>
      <div className="page-head">
        <h2>{backfill.model}</h2>
        <Badge tone={kStateTones[backfill.state] ?? 'idle'}>{backfill.state}</Badge>
        <Buttons backfill={backfill} onAsk={setAsked} onAgain={runAgain} busy={steer.isPending || again.isPending} />
      </div>
      <p className="muted">{spanText(backfill)}, {kStateWords[backfill.state]}{backfill.expect && <>; expected to change: <code>{backfill.expect}</code></>}</p>
      <Outcome mutation={steer} done={steer.variables && `The backfill ${kVerbs[steer.variables.verb].done}`} />
      {(again.isPending || again.error) && <Outcome mutation={again} done="Begun again" />}
      <Progress backfill={backfill} />
      <Faults backfill={backfill} />
      {report && (
        <>
          {report.problems.length > 0 && <ul className="faults">{report.problems.map((problem) => <li key={problem} className="bad">{problem}</li>)}</ul>}
          {report.tables.map((one) => <DiffReport key={one.table} {...one} />)}
          <p className="muted">Computed {formatCount(report.rows)} rows, {formatBytes(report.bytes)}, in {formatSpan(report.work_ms)} of work</p>
        </>
      )}
      {backfill.published.length > 0 && (
        <p className="muted">Commits: {backfill.published.map(({ table, version, operation }) => `${table} version ${version} by ${operation}`).join(', ')}</p>
      )}
      {asked && (
        <Confirm
          title={`${kVerbs[asked].title}: ${backfill.model}, ${spanText(backfill)}?`}
          action={kVerbs[asked].title}
          onCancel={() => setAsked(null)}
          onConfirm={() => {
            steer.mutate({ id, verb: asked });
            setAsked(null);
          }}
        >
          {kVerbs[asked].text}
        </Confirm>
      )}
    </section>
  );
}
