// The frame around every view: rail, top bar, drawer, search.
import { Suspense, lazy, useEffect, useState, type ReactElement } from 'react';
import { Loading } from '../parts/states';
import { useViewName, type ViewName } from '../url-state';
import { Alerts } from '../views/alerts/alerts';
import { Backfills } from '../views/backfills/backfills';
import { DeadLetters } from '../views/dead_letters/dead_letters';
import { Drawer } from '../views/drawer/drawer';
import { Jobs } from '../views/jobs/jobs';
import { Pipelines } from '../views/pipelines/pipelines';
import { Quality } from '../views/quality/quality';
import { Schemas } from '../views/schemas/schemas';
import { SearchPalette } from '../views/search/search';
import { Streams } from '../views/streams/streams';
import { Fault } from './fault';
import { Rail } from './rail';
import { TopBar } from './top_bar';
import './app.css';

// The two views that carry a drawing library are loaded when they are opened.
const loadMap = () => import('../views/map/map_view').then(({ MapView: view }) => ({ default: view }));
const loadDashboards = () => import('../views/dashboards/dashboards').then(({ Dashboards: view }) => ({ default: view }));
const MapView = lazy(loadMap);
const Dashboards = lazy(loadDashboards);
const kLoadOthersAfterMs = 4_000;

const kViewParts: Record<ViewName, () => ReactElement> = {
  map: () => <MapView />,
  dashboards: () => <Dashboards />,
  streams: () => <Streams />,
  jobs: () => <Jobs />,
  quality: () => <Quality />,
  schemas: () => <Schemas />,
  backfills: () => <Backfills />,
  pipelines: () => <Pipelines />,
  'dead-letters': () => <DeadLetters />,
  alerts: () => <Alerts />,
};

function useSearchKey(onKey: () => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement;
      const open = (event.key === 'k' && (event.ctrlKey || event.metaKey)) || (event.key === '/' && !typing);
      if (!open) return;
      event.preventDefault();
      onKey();
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [onKey]);
}

// So that going to the other view is instant, and works while the server restarts.
function useLoadedOthers(): void {
  useEffect(() => {
    const timer = setTimeout(() => void Promise.allSettled([loadMap(), loadDashboards()]), kLoadOthersAfterMs);
    return () => clearTimeout(timer);
  }, []);
}

export function App(): ReactElement {
  const view = useViewName();
  const [searching, setSearching] = useState(false);
  useSearchKey(() => setSearching(true));
  useLoadedOthers();
  return (
    <div className="app">
      <TopBar onSearch={() => setSearching(true)} />
      <Rail view={view} />
      <main className={`main main-${view}`} tabIndex={-1}>
        <Fault key={view}>
          <Suspense fallback={<div className="page"><Loading rows={6} /></div>}>{kViewParts[view]()}</Suspense>
        </Fault>
      </main>
      <Drawer />
      {searching && <SearchPalette onClose={() => setSearching(false)} />}
    </div>
  );
}
