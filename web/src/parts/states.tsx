// How a view looks when there is nothing, when it is not there yet, and when it cannot be had.
import { CircleAlert, type LucideIcon } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { ServerError } from '../server/client';

export function Empty({ icon: Icon, title, children }: {
  icon: LucideIcon; title: string; children?: ReactNode;
}): ReactElement {
  return (
    <div className="state">
      <Icon size={24} aria-hidden="true" />
      <h3>{title}</h3>
      {children && <p className="muted">{children}</p>}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }): ReactElement {
  const message = error instanceof Error ? error.message : String(error);
  const mend = error instanceof ServerError ? error.mend : undefined;
  return (
    <div className="state state-failed" role="alert">
      <CircleAlert size={24} aria-hidden="true" />
      <h3>{message}</h3>
      {mend && <p className="muted">{mend}</p>}
      {retry && <button type="button" className="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Loading({ rows = 4 }: { rows?: number }): ReactElement {
  return (
    <div className="skeleton-rows" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => <span key={i} className="skeleton" />)}
    </div>
  );
}
