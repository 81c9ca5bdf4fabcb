// A table of rows with a caption, and its empty, loading and error states.
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { Failed, Loading } from './states';

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  /** Numbers are set to the right. */
  number?: boolean;
  /** Left out on a phone. */
  wide?: boolean;
  help?: string;
}

function classOf<T>({ number, wide }: Column<T>): string | undefined {
  return [number && 'number', wide && 'wide'].filter(Boolean).join(' ') || undefined;
}

export function DataTable<T>({ caption, query, rows, columns, keyOf, empty }: {
  caption: string;
  query: UseQueryResult<unknown>;
  rows: T[] | undefined;
  columns: Column<T>[];
  keyOf: (row: T) => string;
  empty: ReactNode;
}): ReactElement {
  if (!rows) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  if (rows.length === 0) return <>{empty}</>;
  return (
    <div className="table-box" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={classOf(column)} title={column.help}>{column.title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => <td key={column.title} className={classOf(column)}>{column.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
