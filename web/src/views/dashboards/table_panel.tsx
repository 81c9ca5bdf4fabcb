// A panel of rows: columns as the dashboard names them, or all that the SQL gives.
import type { ReactElement } from 'react';
import { formatFull, formatValue, formatWords, toNumber, toTime, type Format } from '../../format/format';
import type { ChartSpec, ColumnSpec, Row } from '../../server/types';
import { choose } from '../../url-state';
import { drillOf } from './drill';

function columnsOf(spec: ChartSpec, rows: Row[]): ColumnSpec[] {
  return spec.columns ?? Object.keys(rows[0] ?? {}).map((name) => ({ name }));
}

function textOf(value: unknown, column: ColumnSpec): string {
  if (value === null || value === undefined) return '–';
  if (column.format) return formatValue(value, column.format as Format);
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]/.test(value) && toTime(value) !== null) return formatFull(value);
  return String(value);
}

function Cell({ value, column }: { value: unknown; column: ColumnSpec }): ReactElement {
  const text = textOf(value, column);
  if (!column.opens || typeof value !== 'string') return <>{text}</>;
  return <button type="button" className="link" onClick={() => choose({ kind: column.opens!, id: value })}>{text}</button>;
}

export function TablePanel({ spec, rows }: { spec: ChartSpec; rows: Row[] }): ReactElement {
  const columns = columnsOf(spec, rows);
  const isNumber = columns.map(({ name }) => rows.every((row) => row[name] === null || toNumber(row[name]) !== null));
  return (
    <div className="table-box" role="region" aria-label={spec.title} tabIndex={0}>
      <table>
        <caption className="visually-hidden">{spec.title}</caption>
        <thead>
          <tr>
            {columns.map(({ name, title }, i) => (
              <th key={name} scope="col" className={isNumber[i] ? 'number' : undefined}>{title ?? formatWords(name)}</th>
            ))}
            {spec.drill && <th scope="col"><span className="visually-hidden">More</span></th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => {
            const open = drillOf(spec, row);
            return (
              <tr key={at}>
                {columns.map((column, i) => (
                  <td key={column.name} className={isNumber[i] ? 'number' : undefined}>
                    <Cell value={row[column.name]} column={column} />
                  </td>
                ))}
                {open && <td><button type="button" className="link" onClick={open}>Details</button></td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
