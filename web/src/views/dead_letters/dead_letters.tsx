// Records that broke a rule: why, their bytes, and the way back.
import { Mailbox, RotateCcw, Search } from 'lucide-react';
import { useDeferredValue, useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Empty, Failed, Loading } from '../../parts/states';
import { useDeadLetters } from '../../server/queries';
import { setUrl, useUrlParam } from '../../url-state';
import { Letter } from './letter';
import { RedriveDialog } from './redrive_dialog';
import './dead_letters.css';

const kShown = 200;

export function DeadLetters(): ReactElement {
  const reason = useUrlParam('reason') ?? '';
  const query = useDeadLetters(kShown, useDeferredValue(reason));
  const [asked, setAsked] = useState<string[] | null>(null);
  const [sent, setSent] = useState<string | null>(null);
  const letters = query.data;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Dead letters</h1>
        <label className="filter">
          <Search size={16} aria-hidden="true" />
          <input
            type="search"
            value={reason}
            placeholder="Part of the reason"
            aria-label="Filter by part of the reason"
            onChange={(event) => setUrl({ reason: event.target.value })}
          />
        </label>
        <button
          type="button"
          className="button"
          disabled={!letters?.length}
          onClick={() => setAsked(letters!.map(({ id }) => id))}
        >
          <RotateCcw size={16} aria-hidden="true" />
          Redrive {letters?.length ? `these ${formatCount(letters.length)}` : ''}
        </button>
      </div>
      <p className="outcome" role="status">
        {sent ?? (letters && letters.length > 0 && (
          <span className="muted">
            {letters.length < kShown ? formatCount(letters.length) : `The newest ${kShown}`}, newest first
          </span>
        ))}
      </p>
      {!letters ? (query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />)
      : letters.length === 0 ? (
        <Empty icon={Mailbox} title={reason ? 'No dead letter with this reason' : 'No dead letters'}>
          Records that break a rule are kept here with their reason and bytes, and can be redriven.
        </Empty>
      ) : (
        <ul className="letters">
          {letters.map((letter) => <Letter key={letter.id} letter={letter} onRedrive={() => setAsked([letter.id])} />)}
        </ul>
      )}
      {asked && (
        <RedriveDialog
          ids={asked}
          onCancel={() => setAsked(null)}
          onDone={(redriven, skipped) => {
            setSent(`${formatCount(redriven)} sent through their topics again${skipped ? `, ${formatCount(skipped)} had been sent before` : ''}. Dead letters stay here as history.`);
            setAsked(null);
          }}
        />
      )}
    </div>
  );
}
