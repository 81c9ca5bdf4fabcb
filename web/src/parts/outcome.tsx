// What came of a button.
import type { ReactElement } from 'react';
import { ServerError } from '../server/client';

export function Outcome({ mutation, done }: {
  mutation: { isPending: boolean; isSuccess: boolean; error: Error | null }; done: string | undefined;
}): ReactElement {
  const mend = mutation.error instanceof ServerError ? mutation.error.mend : undefined;
  return (
    <p className="outcome" role="status">
      {mutation.isPending && 'One moment…'}
      {mutation.isSuccess && `${done}.`}
      {mutation.error && <span className="bad">{mutation.error.message}{mend && `: ${mend}`}</span>}
    </p>
  );
}
