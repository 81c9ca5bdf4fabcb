// Dead letters on their way back: what would be sent is shown first, repaired by an expression if one is given.
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Outcome } from '../../parts/outcome';
import { useRedrive } from '../../server/queries';

export function RedriveDialog({ ids, onDone, onCancel }: {
  ids: string[]; onDone: (redriven: number, skipped: number) => void; onCancel: () => void;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [repair, setRepair] = useState('');
  const redrive = useRedrive();
  // What was looked at is what is sent: another expression has to be looked at again.
  const seen = redrive.data?.would_redrive !== undefined && (redrive.variables?.repair ?? '') === repair.trim();
  const would = seen ? redrive.data!.would_redrive! : null;
  const ask = (dry_run: boolean) => ({ ids, dry_run, ...(repair.trim() ? { repair: repair.trim() } : {}) });
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="dialog dialog-wide" aria-labelledby="redrive-title" onClose={onCancel}>
      <h2 id="redrive-title">Redrive {ids.length === 1 ? 'this record' : `${formatCount(ids.length)} records`}</h2>
      <p className="muted">
        Their bytes go into their topics again and are read by the rules as they stand now. What still breaks a rule comes back
        as a new dead letter; these stay as history.
      </p>
      <label className="field">
        Repair <span className="muted">SQL over raw that gives the new text; empty: as it was</span>
        <textarea rows={2} value={repair} placeholder="replace(raw, 'n/a', 'null')" onChange={(event) => setRepair(event.target.value)} />
      </label>
      <Outcome
        mutation={redrive}
        done={seen ? `${formatCount(would)} would be sent, ${formatCount(redrive.data!.skipped)} were sent before` : 'Look again: the repair is another'}
      />
      {seen && redrive.data!.examples && redrive.data!.examples.length > 0 && (
        <ul className="examples">
          {redrive.data!.examples.slice(0, 5).map(({ id, from, to }) => (
            <li key={id}>
              <pre tabIndex={0}>{from}</pre>
              {from !== to && <pre tabIndex={0} className="changed">{to}</pre>}
            </li>
          ))}
        </ul>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>Cancel</button>
        <button type="button" className="button" disabled={redrive.isPending} onClick={() => redrive.mutate(ask(true))}>Dry run</button>
        <button
          type="button" className="button button-main" disabled={redrive.isPending || !would}
          onClick={() => redrive.mutate(ask(false), { onSuccess: ({ redriven, skipped }) => onDone(redriven, skipped) })}
        >
          Redrive{would === null ? '' : ` ${formatCount(would)}`}
        </button>
      </div>
    </dialog>
  );
}
