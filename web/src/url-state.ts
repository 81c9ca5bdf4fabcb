// The view state lives in the URL, so that a link shows what its sender saw.
import { useSyncExternalStore } from 'react';

export const kViews = ['map', 'dashboards', 'streams', 'jobs', 'quality', 'schemas', 'backfills', 'pipelines', 'dead-letters', 'alerts'] as const;
export type ViewName = (typeof kViews)[number];

export interface Chosen {
  kind: 'truck' | 'shipment';
  id: string;
}

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach((listener) => listener());
window.addEventListener('popstate', tell);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Sets (or, by null, removes) parameters. `push` makes a step for the Back button. */
export function setUrl(changes: Record<string, string | null>, push = false): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') params.delete(name);
    else params.set(name, value);
  }
  const search = params.toString().replaceAll('%2C', ',');
  const url = `${location.pathname}${search ? `?${search}` : ''}`;
  if (url === `${location.pathname}${location.search}`) return;
  if (push) history.pushState(null, '', url);
  else history.replaceState(null, '', url);
  tell();
}

export function urlParam(name: string): string | null {
  return new URLSearchParams(location.search).get(name);
}

export function useUrlParam(name: string): string | null {
  return useSyncExternalStore(subscribe, () => urlParam(name));
}

/** The whole query, for those whose parameters' names are not known beforehand. */
export function useUrlSearch(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

export function useViewName(): ViewName {
  const name = useUrlParam('view');
  return kViews.find((view) => view === name) ?? 'map';
}

export const showView = (view: ViewName): void => setUrl({ view: view === 'map' ? null : view }, true);

export function useChosen(): Chosen | null {
  const truck = useUrlParam('truck');
  const shipment = useUrlParam('shipment');
  if (truck) return { kind: 'truck', id: truck };
  return shipment ? { kind: 'shipment', id: shipment } : null;
}

export function choose(chosen: Chosen | null): void {
  setUrl({
    truck: chosen?.kind === 'truck' ? chosen.id : null,
    shipment: chosen?.kind === 'shipment' ? chosen.id : null,
  }, true);
}
