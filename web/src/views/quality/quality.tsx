// What the project expects of its data, and how that held over time.
import { ShieldCheck } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Spark } from '../../parts/spark';
import { Empty } from '../../parts/states';
import { useSuites, useValidations } from '../../server/queries';
import type { Suite, ValidationHead } from '../../server/types_quality';
import { setUrl, useUrlParam } from '../../url-state';
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

export function Quality(): ReactElement {
  const query = useSuites();
  const validations = useValidations().data ?? [];
  const chosen = useUrlParam('suite');
  const suite = query.data?.find(({ name }) => name === chosen);
  return (
    <div className="page">
      {suite ? <SuiteView key={suite.name} suite={suite} validations={validations.filter((one) => one.suite === suite.name)} /> : (
        <>
          <h1>Quality</h1>
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
        </>
      )}
    </div>
  );
}
