// A truck: what it does now, what it carries, its last hours.
import { SearchX } from 'lucide-react';
import type { ReactElement } from 'react';
import { kKindLabel, kKinds, kSilentAfterMs, kindOf, type Kind } from '../../fleet/kinds';
import { useChosenTruck } from '../../fleet/store';
import {
  formatCount, formatHeading, formatPlace, formatSpan, formatWords, toNumber, toTime,
} from '../../format/format';
import { Ago } from '../../parts/ago';
import { KindMark } from '../../parts/kind_mark';
import { useNow } from '../../parts/now';
import { Empty, Failed, Loading } from '../../parts/states';
import { useLookup, useTrack } from '../../server/queries';
import type { Row } from '../../server/types';
import { choose } from '../../url-state';
import { Facts } from './facts';
import { SpeedStrip } from './speed_strip';

function kindNow(row: Row, now: number): Kind {
  const time = toTime(row.event_time);
  if (time !== null && now - time > kSilentAfterMs) return 'silent';
  return kKinds[kindOf(String(row.status ?? ''))] ?? 'other';
}

function Shipment({ id }: { id: unknown }): ReactElement {
  if (typeof id !== 'string' || id === '') return <>None</>;
  return <button type="button" className="link" onClick={() => choose({ kind: 'shipment', id })}>{id}</button>;
}

function Track({ id }: { id: string }): ReactElement {
  const track = useTrack(id);
  const rows = track.data;
  if (!rows) return track.error ? <Failed error={track.error} /> : <Loading rows={3} />;
  const first = toTime(rows[0]?.event_time);
  const last = toTime(rows.at(-1)?.event_time);
  if (first === null || last === null) {
    return <p className="muted">No position in silver.positions yet; it is there with the next commit.</p>;
  }
  return (
    <>
      <p className="muted">{formatCount(rows.length)} positions over {formatSpan(last - first)}, drawn on the map</p>
      <SpeedStrip rows={rows} />
    </>
  );
}

export function TruckDetails({ id }: { id: string }): ReactElement {
  const query = useLookup('trucks', id);
  const live = useChosenTruck();
  const now = useNow();
  const row = query.data;
  const here = live?.name === id ? live : null;
  if (!row && !here) {
    if (query.isPending) return <Loading rows={6} />;
    if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
    return <Empty icon={SearchX} title="No such truck">No position of {id} has arrived.</Empty>;
  }
  const kind: Kind = here ? (kKinds[here.kind] ?? 'other') : kindNow(row!, now);
  const speed = here ? here.speedKmh : toNumber(row!.speed_kmh);
  const reported = here ? here.status : String(row!.status ?? '');
  return (
    <>
      <p className="drawer-status">
        <KindMark kind={kind} />
        <strong>{kind === 'other' ? formatWords(reported) : kKindLabel[kind]}</strong>
        {kind === 'silent' && reported && <span className="muted">last said {formatWords(reported).toLowerCase()}</span>}
      </p>
      <Facts
        facts={[
          ['Speed', speed === null ? '–' : `${Math.round(speed)} km/h`],
          ['Heading', formatHeading(here ? here.heading : toNumber(row!.heading))],
          ['Measured', here ? <Ago time={now - here.ageMs} both /> : <Ago time={row!.event_time} both />],
          ['Place', formatPlace(here?.lat ?? row!.lat, here?.lon ?? row!.lon)],
          ['Carrier', String(row?.carrier ?? '–')],
          ['Shipment', <Shipment key="shipment" id={row?.shipment_id} />],
        ]}
      />
      <section aria-label="Last hours">
        <h2>Last hours</h2>
        <Track id={id} />
      </section>
    </>
  );
}
