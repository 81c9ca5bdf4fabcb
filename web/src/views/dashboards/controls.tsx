// What stands above a dashboard: which one, over what time, for whom; and the link that shows others the same.
import { Check, Link2 } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { useSql } from '../../server/queries';
import type { DashboardName, ParameterSpec } from '../../server/types';
import { setUrl } from '../../url-state';
import { kRanges, type Range } from './range';

const kCopiedMs = 2_000;
const kValuesMax = 500;
const kRefreshMs = 60_000;

export const parameterKey = (name: string): string => `p.${name}`;

/** Goes to a dashboard, dropping the parameters of the one before. */
export function openDashboard(name: string, parameters: Record<string, string | null> = {}): void {
  const gone = Object.fromEntries(
    [...new URLSearchParams(location.search).keys()].filter((key) => key.startsWith('p.')).map((key) => [key, null]),
  );
  const chosen = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [parameterKey(key), value]));
  setUrl({ ...gone, ...chosen, view: 'dashboards', board: name === 'overview' ? null : name }, true);
}

export function BoardTabs({ boards, chosen }: { boards: DashboardName[]; chosen: string }): ReactElement {
  return (
    <nav className="boards" aria-label="Dashboards">
      {boards.map(({ name, title }) => (
        <a
          key={name}
          href={`?view=dashboards${name === 'overview' ? '' : `&board=${encodeURIComponent(name)}`}`}
          aria-current={name === chosen ? 'page' : undefined}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            openDashboard(name);
          }}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}

export function RangeChoice({ range }: { range: Range }): ReactElement {
  return (
    <label className="choice">
      <span className="muted">Time</span>
      <select value={range.id} onChange={(event) => setUrl({ range: event.target.value }, true)}>
        {kRanges.map(({ id, title }) => <option key={id} value={id}>{title}</option>)}
      </select>
    </label>
  );
}

export function ParameterChoice({ spec, value }: { spec: ParameterSpec; value: string | null }): ReactElement {
  const { data } = useSql(spec.sql, kRefreshMs, kValuesMax);
  const values = (data?.rows ?? []).map(([first]) => String(first));
  const all = value !== null && !values.includes(value) ? [value, ...values] : values;
  return (
    <label className="choice">
      <span className="muted">{spec.title}</span>
      <select value={value ?? ''} onChange={(event) => setUrl({ [parameterKey(spec.name)]: event.target.value || null }, true)}>
        <option value="">All</option>
        {all.map((text) => <option key={text} value={text}>{text}</option>)}
      </select>
    </label>
  );
}

export function ShareLink(): ReactElement {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(location.href);
    setCopied(true);
    setTimeout(() => setCopied(false), kCopiedMs);
  };
  return (
    <button type="button" className="button" onClick={() => void copy()}>
      {copied ? <Check size={16} aria-hidden="true" /> : <Link2 size={16} aria-hidden="true" />}
      <span aria-live="polite">{copied ? 'Copied' : 'Copy link'}</span>
    </button>
  );
}
