// What a browser test may ask of the map: where a place is on the page, and which truck is drawn there.
import { fleetSummary } from '../../fleet/store';
import type { FleetSummary, Picked } from '../../fleet/messages';
import type { LiveMap } from './live_map';

export interface WaybillHook {
  /** Page coordinates (CSS pixels). */
  project(lon: number, lat: number): { x: number; y: number };
  truckAt(x: number, y: number): Promise<Picked | null>;
  jumpTo(lon: number, lat: number, zoom: number): void;
  baseMapDrawn(): boolean;
  summary(): FleetSummary;
}

declare global {
  interface Window {
    __waybill?: WaybillHook;
  }
}

export function exposeForTests(live: LiveMap): () => void {
  const box = (): DOMRect => live.map.getContainer().getBoundingClientRect();
  window.__waybill = {
    project(lon, lat) {
      const { x, y } = live.map.project([lon, lat]);
      return { x: x + box().left, y: y + box().top };
    },
    truckAt: (x, y) => live.truckAt(x - box().left, y - box().top),
    jumpTo: (lon, lat, zoom) => void live.map.jumpTo({ center: [lon, lat], zoom }),
    baseMapDrawn: () => live.map.loaded() && live.map.querySourceFeatures('land').length > 0,
    summary: fleetSummary.get,
  };
  return () => delete window.__waybill;
}
