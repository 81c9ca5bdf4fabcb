// Records that broke a rule: why, their bytes, and the way back.
import { Mailbox, RotateCcw, Search } from 'lucide-react';
import { useDeferredValue, useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Confirm } from '../../parts/confirm';
import { Empty, Failed, Loading } from '../../parts/states';
import { useDeadLetters, useRedrive } from '../../server/queries';
import { setUrl, useUrlParam } from '../../url-state';
import { Letter } from './letter';
import './dead_letters.css';

const kShown = 200;

export function DeadLetters(): ReactElement {
  const reason = useUrlParam('reason') ?? '';
  const query = useDeadLetters(kShown, useDeferredValue(reason));
  const [asked, setAsked] = useState<string[] | null>(null);
  const redrive = useRedrive();
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
        {redrive.isSuccess && `${formatCount(redrive.data.redriven)} sent through their topics again. Dead letters stay here as history.`}
        {redrive.isIdle && letters && letters.length > 0 && (
          <span className="muted">
            {letters.length < kShown ? formatCount(letters.length) : `The newest ${kShown}`}, newest first
          </span>
        )}
        {redrive.isError && <span className="bad">Redrive failed: {redrive.error.message}</span>}
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
        <Confirm
          title={`Redrive ${asked.length === 1 ? 'this record' : `${formatCount(asked.length)} records`}?`}
          action="Redrive"
          onCancel={() => setAsked(null)}
          onConfirm={() => {
            redrive.mutate(asked);
            setAsked(null);
          }}
        >
          Their bytes go into their topics again and are read by the rules as they stand now. What still breaks a rule comes
          back as a new dead letter; these stay as history.
        </Confirm>
      )}
    </div>
  );
}
