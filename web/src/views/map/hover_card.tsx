// What is known of the truck under the pointer.
import type { ReactElement } from 'react';
import { kKindLabel, kKinds } from '../../fleet/kinds';
import type { Picked } from '../../fleet/messages';
import { formatHeading, formatSpan, formatWords } from '../../format/format';
import { KindMark } from '../../parts/kind_mark';

const kWidth = 232;

export function HoverCard({ truck }: { truck: Picked }): ReactElement {
  const kind = kKinds[truck.kind] ?? 'other';
  const left = truck.x + 20 + kWidth > window.innerWidth ? truck.x - kWidth - 20 : truck.x + 20;
  return (
    <div className="hover-card" style={{ transform: `translate(${left}px, ${truck.y - 20}px)`, width: kWidth }}>
      <header>
        <KindMark kind={kind} />
        <strong>{truck.name}</strong>
        <span className="muted">{kind === 'other' ? formatWords(truck.status) : kKindLabel[kind]}</span>
      </header>
      <p>
        {truck.speedKmh.toFixed(0)} km/h, {formatHeading(truck.heading)}
      </p>
      <p className="muted">
        Measured {formatSpan(truck.ageMs)} ago
        {truck.reckonedMs > 1_000 && `; the last ${formatSpan(truck.reckonedMs)} are estimated`}
      </p>
    </div>
  );
}
