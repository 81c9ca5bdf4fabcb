// The live map without React: MapLibre below, the fleet above it, and the pointer between them.
import maplibregl, { type GeoJSONSource, type Map as MapLibre } from 'maplibre-gl';
import { BaseMap } from '../../basemap/fill';
import { baseStyle, kTrackSource } from '../../basemap/style';
import { FleetLayer } from '../../fleet/layer';
import type { FleetSummary, Picked } from '../../fleet/messages';
import { fleetPalette } from '../../theme';

const kZoomMax = 16;
const kFollowZoom = 8;
/** A place this close to the edge (pixels) is as good as off the screen. */
const kEdge = 32;
const kNowhere = { x: -1e6, y: -1e6 };

export interface Place {
  lon: number;
  lat: number;
  zoom: number;
}

export interface LiveMapEvents {
  onPlace(place: Place): void;
  onHover(truck: Picked | null): void;
  onPick(truck: Picked | null): void;
  onSummary(summary: FleetSummary): void;
  onChosen(truck: Picked | null): void;
  onProblem(problem: string): void;
}

export class LiveMap {
  readonly map: MapLibre;
  private readonly fleet: FleetLayer;
  private readonly base: BaseMap;
  private hovering = false;
  private nextHover: { x: number; y: number } | null = null;

  constructor(box: HTMLElement, place: Place | null, private readonly events: LiveMapEvents) {
    this.map = new maplibregl.Map({
      container: box,
      style: baseStyle(),
      center: place ? [place.lon, place.lat] : [0, 30],
      zoom: place?.zoom ?? 1.6,
      maxZoom: kZoomMax,
      renderWorldCopies: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      fadeDuration: 0,
      attributionControl: { compact: true },
      canvasContextAttributes: { antialias: false },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.getCanvas().setAttribute('aria-label', 'Map of the fleet. Arrow keys move it, plus and minus zoom.');
    this.map.addControl(new maplibregl.NavigationControl({ showCompass: false }), 'bottom-right');
    this.map.addControl(new maplibregl.ScaleControl({ unit: 'metric' }), 'bottom-right');
    this.base = new BaseMap(this.map);
    this.fleet = new FleetLayer(this.map, fleetPalette(), events);
    this.listen();
    this.map.once('load', () => void this.fillBaseMap());
  }

  remove(): void {
    this.fleet.remove();
    this.map.remove();
  }

  dress(): void {
    for (const layer of baseStyle().layers) {
      for (const [name, value] of Object.entries(layer.paint ?? {})) {
        this.map.setPaintProperty(layer.id, name, value);
      }
    }
    this.fleet.dress(fleetPalette());
  }

  hide = (kinds: number[]): void => this.fleet.hide(kinds);
  choose = (truck: string | null): void => this.fleet.choose(truck);
  truckAt = (x: number, y: number): Promise<Picked | null> => this.fleet.pick(x, y, false);

  /** Whether a place is on screen and not below a panel that covers `right` pixels of the map and `bottom` of it. */
  sees(lon: number, lat: number, cover: { right: number; bottom: number }): boolean {
    const { x, y } = this.map.project([lon, lat]);
    const { clientWidth, clientHeight } = this.map.getContainer();
    return x > kEdge && y > kEdge && x < clientWidth - cover.right - kEdge && y < clientHeight - cover.bottom - kEdge;
  }

  /** Shows a place, beside a panel that covers `right` pixels of the map and `bottom` of it. */
  goTo(lon: number, lat: number, cover: { right: number; bottom: number }): void {
    this.map.easeTo({
      center: [lon, lat],
      zoom: Math.max(this.map.getZoom(), kFollowZoom),
      offset: [-cover.right / 2, -cover.bottom / 2],
      duration: 600,
    });
  }

  fit(west: number, south: number, east: number, north: number): void {
    this.map.fitBounds([west, south, east, north], { padding: 64, maxZoom: 9, animate: false });
  }

  /** The way that a truck came, oldest first. */
  showTrack(points: [lon: number, lat: number][]): void {
    const source = this.map.getSource<GeoJSONSource>(kTrackSource);
    if (!source) return void this.map.once('load', () => this.showTrack(points));
    source.setData({
      type: 'FeatureCollection',
      features: points.length < 2 ? [] : [
        { type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: points } },
        { type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: points[0]! } },
      ],
    });
  }

  private listen(): void {
    const { map, events } = this;
    map.on('moveend', () => {
      const { lng, lat } = map.getCenter();
      events.onPlace({ lon: lng, lat, zoom: map.getZoom() });
      void this.base.refine();
    });
    map.on('mousemove', (event) => this.hover(event.point));
    map.on('mouseout', () => this.hover(kNowhere));
    map.on('movestart', () => this.hover(kNowhere));
    map.on('click', (event) => {
      void this.fleet.pick(event.point.x, event.point.y, false).then((truck) => events.onPick(truck));
    });
  }

  // One question at a time: the worker may be busy drawing, and only the newest place matters.
  private hover(point: { x: number; y: number }): void {
    this.nextHover = point;
    if (this.hovering) return;
    this.hovering = true;
    void (async () => {
      while (this.nextHover) {
        const { x, y } = this.nextHover;
        this.nextHover = null;
        const truck = await this.fleet.pick(x, y, true);
        this.map.getCanvas().style.cursor = truck ? 'pointer' : '';
        this.events.onHover(truck);
      }
      this.hovering = false;
    })();
  }

  private async fillBaseMap(): Promise<void> {
    try {
      await this.base.fill();
    } catch (error) {
      this.events.onProblem(error instanceof Error ? error.message : String(error));
    }
  }
}
