// What needs somebody's attention, and what did.
import { BellOff } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatWords } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge, type Tone } from '../../parts/badge';
import { Empty, Failed, Loading } from '../../parts/states';
import { useAlerts } from '../../server/queries';
import type { Alert } from '../../server/types';
import './alerts.css';

const kTones: Record<string, Tone> = { critical: 'bad', error: 'bad', warning: 'warn', info: 'idle' };

function AlertRow({ alert }: { alert: Alert }): ReactElement {
  const open = !alert.resolved_at;
  return (
    <li className={open ? 'alert' : 'alert alert-resolved'}>
      <Badge tone={open ? (kTones[alert.severity] ?? 'warn') : 'ok'}>{open ? alert.severity : 'resolved'}</Badge>
      <div>
        <h3>{alert.summary}</h3>
        <p className="muted">
          {open ? 'Since ' : `${formatWords(alert.severity)}, since `}
          <Ago time={alert.since} both />
          {!open && <>; resolved <Ago time={alert.resolved_at} /></>}
        </p>
      </div>
    </li>
  );
}

function Group({ title, alerts }: { title: string; alerts: Alert[] }): ReactElement | null {
  if (alerts.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title} <span className="muted">{alerts.length}</span></h2>
      <ul className="alerts">{alerts.map((alert) => <AlertRow key={`${alert.id}/${alert.since}`} alert={alert} />)}</ul>
    </section>
  );
}

export function Alerts(): ReactElement {
  const query = useAlerts();
  const alerts = query.data;
  const open = alerts?.filter(({ resolved_at }) => !resolved_at) ?? [];
  const resolved = alerts?.filter(({ resolved_at }) => resolved_at) ?? [];
  return (
    <div className="page">
      <h1>Alerts</h1>
      {!alerts && (query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />)}
      {alerts && open.length === 0 && (
        <Empty icon={BellOff} title="Nothing needs attention">
          An alert opens here when a rule is broken, for example when over 5 % of a partner's rows are bad.
        </Empty>
      )}
      <Group title="Open" alerts={open} />
      <Group title="Resolved" alerts={resolved} />
    </div>
  );
}
