// Counts of the trucks in view by status; a click shows or hides one.
import type { ReactElement } from 'react';
import { kKindLabel, kKinds, type Kind } from '../../fleet/kinds';
import { useFleetSummary } from '../../fleet/store';
import { formatCount } from '../../format/format';
import { KindMark } from '../../parts/kind_mark';
import { useStatus } from '../../server/queries';
import { setUrl } from '../../url-state';

function toggled(hidden: string, kind: Kind): string | null {
  const names = new Set(hidden.split(',').filter(Boolean));
  if (!names.delete(kind)) names.add(kind);
  return [...names].join(',') || null;
}

export function Legend({ hidden }: { hidden: string }): ReactElement {
  const { counts, inView, mode, heardAt, connection } = useFleetSummary();
  const known = useStatus().data?.fleet?.trucks;
  const names = hidden.split(',');
  const waiting = heardAt === null;
  return (
    <aside className="legend" aria-label="Trucks in view by status">
      <header>
        <h2>In view</h2>
        <strong>{waiting ? '–' : formatCount(inView)}</strong>
      </header>
      {mode === 'cells' ? (
        <p className="muted">Too many trucks to draw one by one: squares show where they are, numbers how many. Zoom in to see each.</p>
      ) : (
        <ul>
          {kKinds.map((kind, i) => kind === 'other' && counts[i] === 0 ? null : (
            <li key={kind}>
              <button
                type="button"
                aria-pressed={!names.includes(kind)}
                title={names.includes(kind) ? 'Hidden: click to show' : 'Click to hide'}
                onClick={() => setUrl({ hide: toggled(hidden, kind) })}
              >
                <KindMark kind={kind} />
                <span>{kKindLabel[kind]}</span>
                <output>{waiting ? '–' : formatCount(counts[i])}</output>
              </button>
            </li>
          ))}
        </ul>
      )}
      {connection === 'live' && !waiting && inView === 0 && (
        <p className="muted legend-empty">
          {known === 0 ? 'No truck has sent a position yet. The first appears here at once.' : 'No truck here. Zoom out to see the others.'}
        </p>
      )}
    </aside>
  );
}
