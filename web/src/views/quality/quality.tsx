// What the project expects of its data, and how that held over time.
import { ShieldCheck } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Spark } from '../../parts/spark';
import { Empty } from '../../parts/states';
import { Tabs } from '../../parts/tabs';
import { useSuites, useValidations } from '../../server/queries';
import type { Suite, ValidationHead } from '../../server/types_quality';
import { setUrl, useUrlParam } from '../../url-state';
import { Monitors } from './monitors';
import { Partners } from './partners';
import { SuiteView } from './suite_view';
import './quality.css';

export function Verdict({ validation }: { validation: ValidationHead | undefined }): ReactElement {
  if (!validation) return <span className="muted">not validated yet</span>;
  const { evaluated_expectations: all, successful_expectations: met } = validation.statistics;
  return <Badge tone={validation.success ? 'ok' : 'bad'}>{`${met} of ${all} hold`}</Badge>;
}

const kColumns = (validations: ValidationHead[]): Column<Suite>[] => {
  const of = ({ name }: Suite): ValidationHead[] => validations.filter(({ suite }) => suite === name);
  return [
    { title: 'Suite', cell: (row) => <button type="button" className="link" onClick={() => setUrl({ suite: row.name }, true)}>{row.name}</button> },
    { title: 'Newest', cell: (row) => <Verdict validation={of(row)[0]} /> },
    {
      title: 'Trend', wide: true, help: 'Share of expectations that hold, over the newest validations',
      cell: (row) => {
        const past = of(row).slice(0, 40).reverse();
        return <Spark values={past.map(({ statistics }) => statistics.success_percent ?? 100)} low={0} high={100} bad={past.at(-1)?.success === false} />;
      },
    },
    { title: 'Validated', cell: (row) => <Ago time={of(row)[0]?.time} /> },
    { title: 'Guards', wide: true, cell: (row) => row.models.join(', ') || <span className="muted">no model</span> },
    { title: 'Expectations', number: true, cell: (row) => formatCount(row.expectations.length) },
  ];
};

const kTabs = [{ id: 'suites', title: 'Suites' }, { id: 'monitors', title: 'Monitors' }, { id: 'partners', title: 'Partners' }];

export function Quality(): ReactElement {
  const asked = useUrlParam('tab');
  const tab = kTabs.find(({ id }) => id === asked)?.id ?? 'suites';
  const suite = useUrlParam('suite');
  if (suite) return <Suites />;
  return (
    <div className="page">
      <h1>Quality</h1>
      <Tabs label="Parts of quality" tabs={kTabs} chosen={tab} onChoose={(id) => setUrl({ tab: id === 'suites' ? null : id })} />
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`}>
        {tab === 'monitors' ? <Monitors /> : tab === 'partners' ? <Partners /> : <Suites />}
      </div>
    </div>
  );
}

function Suites(): ReactElement {
  const query = useSuites();
  const validations = useValidations().data ?? [];
  const chosen = useUrlParam('suite');
  const suite = query.data?.find(({ name }) => name === chosen);
  if (suite)
    return <div className="page"><SuiteView key={suite.name} suite={suite} validations={validations.filter((one) => one.suite === suite.name)} /></div>;
  return (
    <DataTable
      caption="Suites"
      query={query}
      rows={query.data}
      columns={kColumns(validations)}
      keyOf={(row) => row.file}
      empty={(
        <Empty icon={ShieldCheck} title="No suites">
          Put a Great Expectations suite into quality/ of the project and name it in a model by quality: NAME.json.
        </Empty>
      )}
    />
  );
}
