// The lake's tables.
import { Database } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatBytes, formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useStatus } from '../../server/queries';
import type { LakeTable } from '../../server/types';

const kColumns: Column<LakeTable>[] = [
  { title: 'Table', cell: (row) => <strong>{row.name}</strong> },
  { title: 'Rows', number: true, cell: (row) => formatCount(row.rows) },
  { title: 'Size', number: true, cell: (row) => formatBytes(row.bytes) },
  { title: 'Files', number: true, cell: (row) => formatCount(row.files) },
  { title: 'Version', number: true, cell: (row) => formatCount(row.version) },
  { title: 'Committed', number: true, cell: (row) => <Ago time={row.committed_at} /> },
];

export function LakeTables(): ReactElement {
  const query = useStatus();
  return (
    <DataTable
      caption="Tables of the lake"
      query={query}
      rows={query.data?.tables}
      columns={kColumns}
      keyOf={(row) => row.name}
      empty={<Empty icon={Database} title="The lake is empty">Tables appear with their first commit.</Empty>}
    />
  );
}
