// A backfill is begun in two steps: first what it would touch and how long it would take, then the work beside production.
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { formatBytes, formatCount, formatSpan } from '../../format/format';
import { Outcome } from '../../parts/outcome';
import { useEstimateBackfill, useStartBackfill, useStatus } from '../../server/queries';
import type { BackfillEstimate, BackfillRequest } from '../../server/types_batch';
import { kNewRequest, kParallelMax, missingOf, trimmed } from './words';

function Preview({ estimate }: { estimate: BackfillEstimate }): ReactElement {
  const { first, last, partitions, downstream } = estimate;
  return (
    <section className="preview" aria-label="What it would touch">
      <dl>
        <div><dt>Partitions</dt><dd>{formatCount(partitions)}{first && <span className="muted"> {first === last ? first : `${first} to ${last}`}</span>}</dd></div>
        <div><dt>Rows there now</dt><dd>{formatCount(estimate.rows_now)} <span className="muted">{formatBytes(estimate.bytes_now)}</span></dd></div>
        <div><dt>Reads</dt><dd>{formatBytes(estimate.input_bytes)} <span className="muted">{Object.entries(estimate.inputs).map(([table, version]) => `${table} version ${version}`).join(', ')}</span></dd></div>
        <div><dt>Takes about</dt><dd>{formatSpan(estimate.estimated_seconds * 1_000)} <span className="muted">one partition was tried: {formatCount(estimate.sample_rows)} rows</span></dd></div>
      </dl>
      {downstream.length > 0 && (
        <p>
          Computed anew with it: {downstream.map(({ table, rows_now }) => `${table} (${formatCount(rows_now)} rows)`).join(', ')}
        </p>
      )}
      <p className="muted">Nothing changes for readers until its result is validated and you swap it in.</p>
    </section>
  );
}

function Field({ label, help, value, placeholder, onChange }: {
  label: string; help?: string; value: string; placeholder: string; onChange: (value: string) => void;
}): ReactElement {
  return (
    <label className="choice">
      <span>{label}{help && <span className="muted"> {help}</span>}</span>
      <input value={value} placeholder={placeholder} spellCheck={false} autoComplete="off" onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}

export function StartDialog({ onStarted, onCancel }: { onStarted: (id: string) => void; onCancel: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [request, setRequest] = useState<BackfillRequest>(kNewRequest);
  const status = useStatus();
  const estimate = useEstimateBackfill();
  const start = useStartBackfill();
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  const models = (status.data?.pipelines ?? []).filter(({ mode }) => mode.startsWith('daily')).flatMap((one) => one.models);
  const change = (part: Partial<BackfillRequest>): void => setRequest({ ...request, ...part });
  const missing = missingOf(request);
  // What was looked at is what is begun: another request has to be looked at again.
  const seen = estimate.isSuccess && JSON.stringify(estimate.variables) === JSON.stringify(trimmed(request));
  const busy = estimate.isPending || start.isPending;
  return (
    <dialog ref={dialog} className="dialog dialog-wide" aria-labelledby="start-title" onClose={onCancel}>
      <h2 id="start-title">New backfill</h2>
      <p className="muted">The model’s present text over past partitions, beside production. First and last one are included.</p>
      <div className="start-fields">
        <label className="choice start-model">
          Model
          <select value={request.model} onChange={(event) => change({ model: event.target.value })}>
            <option value="">Choose a batch model</option>
            {models.map((model) => <option key={model} value={model}>{model}</option>)}
          </select>
        </label>
        <Field label="From" value={request.from} placeholder="2026-03-01" onChange={(from) => change({ from })} />
        <Field label="To" value={request.to} placeholder="2026-03-31" onChange={(to) => change({ to })} />
        <label className="choice">
          Side by side
          <input type="number" min={1} max={kParallelMax} value={request.parallel} onChange={(event) => change({ parallel: Math.trunc(Number(event.target.value)) })} />
        </label>
        <div className="start-expect">
          <Field
            label="Expected change" help="SQL over old and new that every changed row has to satisfy; empty: anything" value={request.expect}
            placeholder="month(old.day) = 3 AND old.flights = new.flights" onChange={(expect) => change({ expect })}
          />
        </div>
      </div>
      {missing ? <p className="outcome muted">{missing}</p>
      : start.isPending || start.error ? <Outcome mutation={start} done="Begun" />
      : <Outcome mutation={estimate} done={seen ? 'This is what it would touch' : 'Preview again: the request is another'} />}
      {seen && <Preview estimate={estimate.data} />}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>Cancel</button>
        <button type="button" className={seen ? 'button' : 'button button-main'} disabled={busy || missing !== null} onClick={() => estimate.mutate(trimmed(request))}>
          Preview
        </button>
        {seen && (
          <button type="button" className="button button-main" disabled={busy} onClick={() => start.mutate(trimmed(request), { onSuccess: ({ backfill }) => onStarted(backfill) })}>
            Compute {formatCount(estimate.data.partitions)} partitions
          </button>
        )}
      </div>
    </dialog>
  );
}
