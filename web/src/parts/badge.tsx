// A word with a colour that means something, and a mark so that the colour is not needed.
import { Check, CircleAlert, CircleDashed, X } from 'lucide-react';
import type { ReactElement } from 'react';

export type Tone = 'ok' | 'warn' | 'bad' | 'idle';

const kMarks = { ok: Check, warn: CircleAlert, bad: X, idle: CircleDashed };

export function Badge({ tone, children, title }: { tone: Tone; children: string; title?: string }): ReactElement {
  const Mark = kMarks[tone];
  return (
    <span className={`badge badge-${tone}`} title={title}>
      <Mark size={12} strokeWidth={2.5} aria-hidden="true" />
      {children}
    </span>
  );
}
