// One dead letter: reason first, bytes on demand.
import { RotateCcw } from 'lucide-react';
import type { ReactElement } from 'react';
import { Ago } from '../../parts/ago';
import type { DeadLetter } from '../../server/types';

const kRawShownMax = 4_000;

function place({ topic, partition, offset, file, line }: DeadLetter): string {
  const record = `${topic} / ${partition} @ ${offset}`;
  if (!file) return record;
  return `${file}${line === null || line === undefined ? '' : `:${line}`} · ${record}`;
}

// The field stands before the reason as a mark of its own.
function reasonText({ field, reason }: DeadLetter): string {
  return field && reason.startsWith(`${field}: `) ? reason.slice(field.length + 2) : reason;
}

export function Letter({ letter, onRedrive }: { letter: DeadLetter; onRedrive: () => void }): ReactElement {
  const raw = letter.raw ?? '';
  return (
    <li className="letter">
      <div className="letter-head">
        <h3>
          {letter.field && <code>{letter.field}</code>} {reasonText(letter)}
        </h3>
        <button type="button" className="button button-quiet" onClick={onRedrive} aria-label={`Redrive ${place(letter)}`}>
          <RotateCcw size={16} aria-hidden="true" /> Redrive
        </button>
      </div>
      <p className="muted">
        {letter.model} · {place(letter)} · <Ago time={letter.time} />
      </p>
      <details>
        <summary>Bytes as they came</summary>
        <pre tabIndex={0}>{raw.length > kRawShownMax ? `${raw.slice(0, kRawShownMax)}…` : raw}</pre>
      </details>
    </li>
  );
}
