// What the platform does: pipelines, the lake's tables, recent runs, and the ledger that proves nothing is lost.
import type { ReactElement } from 'react';
import { Tabs } from '../../parts/tabs';
import { setUrl, useUrlParam } from '../../url-state';
import { AuditLedger } from './audit_ledger';
import { LakeTables } from './lake_tables';
import { LineageGraph } from './lineage';
import { PipelineTable } from './pipeline_table';
import { RunTable } from './run_table';
import './pipelines.css';

const kTabs = [
  { id: 'pipelines', title: 'Pipelines', panel: PipelineTable },
  { id: 'tables', title: 'Tables', panel: LakeTables },
  { id: 'runs', title: 'Runs', panel: RunTable },
  { id: 'lineage', title: 'Lineage', panel: LineageGraph },
  { id: 'audit', title: 'Audit', panel: AuditLedger },
];

export function Pipelines(): ReactElement {
  const name = useUrlParam('tab');
  const tab = kTabs.find(({ id }) => id === name) ?? kTabs[0]!;
  const Panel = tab.panel;
  return (
    <div className="page">
      <h1>Pipelines</h1>
      <Tabs
        label="Parts of the platform"
        tabs={kTabs}
        chosen={tab.id}
        onChoose={(id) => setUrl({ tab: id === 'pipelines' ? null : id })}
      />
      <div role="tabpanel" id={`panel-${tab.id}`} aria-labelledby={`tab-${tab.id}`}>
        <Panel />
      </div>
    </div>
  );
}
