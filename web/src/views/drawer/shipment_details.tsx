// A shipment: where it stands, what was promised, every scan.
import { SearchX } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatWords, toTime } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { useNow } from '../../parts/now';
import { Empty, Failed, Loading } from '../../parts/states';
import { useLookup, useOrder, useScans } from '../../server/queries';
import type { Row } from '../../server/types';
import { choose } from '../../url-state';
import { Facts } from './facts';

const text = (value: unknown): string => (value === null || value === undefined || value === '' ? '–' : String(value));

function TruckLink({ id }: { id: unknown }): ReactElement {
  if (typeof id !== 'string' || id === '') return <>–</>;
  return <button type="button" className="link" onClick={() => choose({ kind: 'truck', id })}>{id}</button>;
}

function PromisedAt({ order, status, at }: { order: Row; status: unknown; at: unknown }): ReactElement {
  const now = useNow();
  const promised = toTime(order.promised_at);
  const delivered = status === 'delivered' ? toTime(at) : null;
  if (promised === null) return <>–</>;
  const late = (delivered ?? now) > promised;
  return (
    <>
      <Ago time={order.promised_at} both />{' '}
      <Badge tone={late ? 'bad' : 'ok'}>{late ? 'late' : delivered ? 'on time' : 'in time so far'}</Badge>
    </>
  );
}

function Scans({ id }: { id: string }): ReactElement {
  const query = useScans(id);
  const scans = query.data;
  if (!scans) return query.error ? <Failed error={query.error} /> : <Loading rows={4} />;
  if (scans.length === 0) return <p className="muted">No scan in silver.scans yet.</p>;
  return (
    <ol className="scans">
      {scans.map((scan) => (
        <li key={`${String(scan.event_time)}/${String(scan.scan_type)}/${String(scan.hub_id)}`}>
          <strong>{formatWords(scan.scan_type)}</strong>
          <span>at {text(scan.hub_id)}{scan.truck_id ? <>, <TruckLink id={scan.truck_id} /></> : null}</span>
          <Ago time={scan.event_time} both />
        </li>
      ))}
    </ol>
  );
}

export function ShipmentDetails({ id }: { id: string }): ReactElement {
  const query = useLookup('shipments', id);
  const order = useOrder(id).data;
  const row = query.data;
  if (!row && !order) {
    if (query.isPending) return <Loading rows={6} />;
    if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
    return <Empty icon={SearchX} title="No such shipment">No scan or order of {id} has arrived.</Empty>;
  }
  return (
    <>
      <p className="drawer-status">
        <strong>{row ? formatWords(row.status) : 'Ordered, not scanned yet'}</strong>
        {row && <span className="muted">at {text(row.hub_id)}</span>}
      </p>
      <Facts
        facts={[
          ...(row ? [['Newest scan', <Ago key="scan" time={row.event_time} both />] as [string, ReactElement]] : []),
          ['Truck', <TruckLink key="truck" id={row?.truck_id} />],
          ['Carrier', text(row?.carrier ?? order?.carrier)],
          ...(order ? [
            ['Lane', `${text(order.origin_hub)} → ${text(order.dest_hub)}`] as [string, string],
            ['Promised', <PromisedAt key="promise" order={order} status={row?.status} at={row?.event_time} />] as [string, ReactElement],
            ['Customer', text(order.customer)] as [string, string],
            ['Weight', order.weight_kg === null ? '–' : `${formatCount(order.weight_kg)} kg`] as [string, string],
          ] : []),
        ]}
      />
      <section aria-label="Scan history">
        <h2>Scan history</h2>
        <Scans id={id} />
      </section>
    </>
  );
}
