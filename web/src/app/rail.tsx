// The way from view to view: a rail on the left, a bar at the bottom on a phone.
import { BellRing, Braces, CalendarClock, History, LayoutDashboard, Mailbox, Map as MapIcon, ShieldCheck, Waypoints, Workflow, type LucideIcon } from 'lucide-react';
import { useEffect, useRef, type MouseEvent, type ReactElement } from 'react';
import { useAlerts } from '../server/queries';
import { showView, type ViewName } from '../url-state';

const kEntries: { view: ViewName; title: string; icon: LucideIcon }[] = [
  { view: 'map', title: 'Map', icon: MapIcon },
  { view: 'dashboards', title: 'Dashboards', icon: LayoutDashboard },
  { view: 'streams', title: 'Streams', icon: Waypoints },
  { view: 'jobs', title: 'Jobs', icon: CalendarClock },
  { view: 'quality', title: 'Quality', icon: ShieldCheck },
  { view: 'schemas', title: 'Schemas', icon: Braces },
  { view: 'backfills', title: 'Backfills', icon: History },
  { view: 'pipelines', title: 'Pipelines', icon: Workflow },
  { view: 'dead-letters', title: 'Dead letters', icon: Mailbox },
  { view: 'alerts', title: 'Alerts', icon: BellRing },
];

export function Rail({ view }: { view: ViewName }): ReactElement {
  const open = useAlerts().data?.filter(({ resolved_at }) => !resolved_at).length ?? 0;
  const rail = useRef<HTMLElement>(null);
  // Where not all entries fit, the present one is in sight.
  useEffect(() => {
    rail.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [view]);
  const onClick = (event: MouseEvent, to: ViewName): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showView(to);
  };
  return (
    <nav className="rail" ref={rail} aria-label="Views">
      {kEntries.map(({ view: name, title, icon: Icon }) => (
        <a
          key={name}
          href={name === 'map' ? '?' : `?view=${name}`}
          aria-current={name === view ? 'page' : undefined}
          onClick={(event) => onClick(event, name)}
        >
          <span className="rail-icon">
            <Icon size={20} aria-hidden="true" />
            {name === 'alerts' && open > 0 && <b>{open > 99 ? '99+' : open}<span className="visually-hidden"> open</span></b>}
          </span>
          {title}
        </a>
      ))}
    </nav>
  );
}
