// Name and value pairs.
import type { ReactElement, ReactNode } from 'react';

export function Facts({ facts }: { facts: [name: string, value: ReactNode][] }): ReactElement {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
