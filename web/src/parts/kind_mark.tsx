// The mark of a status as the map draws it.
import type { ReactElement } from 'react';
import type { Kind } from '../fleet/kinds';
import { kindColour } from '../theme';

export function KindMark({ kind }: { kind: Kind }): ReactElement {
  const colour = kindColour(kind);
  return (
    <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" fill={colour} className="kind-mark">
      {kind === 'moving' && <path d="M0-7 5 5.6 0 3-5 5.6Z" />}
      {kind === 'stopped' && <rect x="-4.4" y="-4.4" width="8.8" height="8.8" />}
      {kind === 'jammed' && <path d="M0-6.5 6.5 0 0 6.5-6.5 0Z" />}
      {kind === 'broken_down' && (
        <path d="M-2-6.5H2V-2H6.5V2H2V6.5H-2V2H-6.5V-2H-2Z" transform="rotate(45)" />
      )}
      {kind === 'silent' && <circle r="4.6" fill="none" stroke={colour} strokeWidth="2.6" />}
      {kind === 'other' && <circle r="4.6" />}
    </svg>
  );
}
