// One suite on one table: every expectation with its trend, the rows that break it, and past validations.
import { ArrowLeft, Play } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { Outcome } from '../../parts/outcome';
import { Spark } from '../../parts/spark';
import { useStatus, useTrends, useValidate } from '../../server/queries';
import type { Expectation, Suite, Trend, ValidationHead } from '../../server/types_quality';
import { setUrl, useUrlParam } from '../../url-state';
import { FailingRowsPanel } from './failing_rows';
import { Verdict } from './quality';
import { argumentsText, expectationWords, trendOf } from './words';

const percent = (value: number): string => `${value === 0 || value >= 10 ? value.toFixed(0) : value.toPrecision(2)} %`;

function ExpectationRow({ expectation, trend, onRows }: {
  expectation: Expectation; trend: Trend | undefined; onRows: () => void;
}): ReactElement {
  const last = trend?.points.at(-1);
  const shares = trend?.points.map(({ unexpected_percent: share }) => share ?? 0) ?? [];
  const column = expectation.kwargs.column;
  return (
    <li className="expectation">
      {last ? <Badge tone={last.success ? 'ok' : expectation.severity === 'warning' ? 'warn' : 'bad'}>{last.success ? 'holds' : 'broken'}</Badge> : <Badge tone="idle">unknown</Badge>}
      <div>
        <h3>{typeof column === 'string' && <code>{column}</code>} {expectationWords(expectation.type)}</h3>
        <p className="muted">{[argumentsText(expectation.kwargs), expectation.severity].filter(Boolean).join(' · ')}</p>
      </div>
      <div className="expectation-trend">
        {last && typeof last.unexpected_percent === 'number' && <span>{percent(last.unexpected_percent)} break it</span>}
        <Spark values={shares} low={0} high={Math.max(1, ...shares)} bad={last?.success === false} />
        <button type="button" className="button button-quiet" onClick={onRows}>Failing rows</button>
      </div>
    </li>
  );
}

function History({ validations }: { validations: ValidationHead[] }): ReactElement | null {
  if (validations.length === 0) return null;
  return (
    <details className="checks">
      <summary>{formatCount(validations.length)} validations</summary>
      <ul>
        {validations.map((one) => (
          <li key={one.id}><Verdict validation={one} /> {one.table} <span className="muted">version {one.version}, <Ago time={one.time} both /></span></li>
        ))}
      </ul>
    </details>
  );
}

export function SuiteView({ suite, validations }: { suite: Suite; validations: ValidationHead[] }): ReactElement {
  const status = useStatus();
  const trends = useTrends(suite.name).data ?? [];
  const validate = useValidate();
  const asked = useUrlParam('table');
  const [rowsOf, setRowsOf] = useState<number | null>(null);
  const known = status.data?.tables.map(({ name }) => name) ?? [];
  const tables = [...new Set([...suite.models, ...validations.map(({ table }) => table), ...known])];
  const table = asked ?? tables[0] ?? '';
  return (
    <>
      <div className="page-head">
        <button type="button" className="button-icon" aria-label="All suites" onClick={() => setUrl({ suite: null, table: null })}>
          <ArrowLeft size={20} aria-hidden="true" />
        </button>
        <h1>{suite.name}</h1>
        <label className="choice">
          Table
          <select value={table} onChange={(event) => setUrl({ table: event.target.value })}>
            {tables.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <button type="button" className="button" disabled={validate.isPending || !table} onClick={() => validate.mutate({ suite: suite.name, table })}>
          <Play size={16} aria-hidden="true" /> Validate now
        </button>
      </div>
      <Outcome mutation={validate} done={validate.data && `${validate.data.statistics.successful_expectations} of ${validate.data.statistics.evaluated_expectations} expectations hold for ${validate.data.table}`} />
      <ul className="expectations">
        {suite.expectations.map((expectation, i) => (
          <ExpectationRow key={i} expectation={expectation} trend={trendOf(trends, table, expectation)} onRows={() => setRowsOf(rowsOf === i + 1 ? null : i + 1)} />
        ))}
      </ul>
      {rowsOf !== null && (
        <FailingRowsPanel
          suite={suite.name} table={table} expectation={rowsOf} title={expectationWords(suite.expectations[rowsOf - 1]!.type)}
          onClose={() => setRowsOf(null)}
        />
      )}
      <History validations={validations} />
    </>
  );
}
