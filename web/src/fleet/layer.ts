// The fleet above the map: a canvas that shows the worker's pictures, each moved to where the map is now.
import type { Map as MapLibre } from 'maplibre-gl';
import type { Palette } from './kinds';
import { mercatorX, mercatorY, kWorld } from './mercator';
import type { FleetSummary, FromWorker, Picked, ToWorker } from './messages';
import { kMargin, placement, type View } from './view';

const kSubscribeAfterMs = 100;
/** Subscribed beyond the screen by this share of it, so that a small drag has its trucks at once. */
const kSubscribeMargin = 0.25;
const kBudget = 50_000;

export interface FleetListener {
  onSummary(summary: FleetSummary): void;
  onChosen(truck: Picked | null): void;
}

export class FleetLayer {
  private readonly worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  private readonly canvas = document.createElement('canvas');
  private readonly context = this.canvas.getContext('bitmaprenderer')!;
  private pictured: View | null = null;
  private asks = new Map<number, (truck: Picked | null) => void>();
  private nextAsk = 1;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly map: MapLibre,
    palette: Palette,
    private readonly listener: FleetListener,
  ) {
    this.canvas.className = 'fleet-canvas';
    this.canvas.setAttribute('aria-hidden', 'true');
    map.getCanvasContainer().appendChild(this.canvas);
    this.worker.onmessage = (event: MessageEvent<FromWorker>) => this.receive(event.data);
    const url = new URL('v1/fleet/feed', document.baseURI);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const reckoning = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.send({ type: 'start', url: url.href, palette, reckoning });
    map.on('move', this.onMove);
    map.on('resize', this.onMove);
    this.onMove();
  }

  remove(): void {
    clearTimeout(this.timer);
    this.map.off('move', this.onMove);
    this.map.off('resize', this.onMove);
    this.worker.terminate();
    this.canvas.remove();
  }

  dress = (palette: Palette): void => this.send({ type: 'palette', palette });
  hide = (kinds: number[]): void => this.send({ type: 'hidden', kinds });
  choose = (name: string | null): void => this.send({ type: 'choose', name });

  /** The truck drawn at a point of the map's screen (CSS pixels). */
  pick(x: number, y: number, hover: boolean): Promise<Picked | null> {
    return new Promise((resolve) => {
      const ask = this.nextAsk++;
      this.asks.set(ask, resolve);
      this.send({ type: 'pick', ask, x, y, hover });
    });
  }

  private send(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private view(): View {
    const centre = this.map.getCenter();
    const box = this.map.getContainer();
    return {
      centreX: mercatorX(centre.lng) / kWorld,
      centreY: mercatorY(centre.lat) / kWorld,
      worldSize: 512 * 2 ** this.map.getZoom(),
      width: box.clientWidth,
      height: box.clientHeight,
    };
  }

  private onMove = (): void => {
    const view = this.view();
    if (this.pictured) this.place(view);
    this.send({ type: 'view', view, dpr: Math.min(2, window.devicePixelRatio) });
    clearTimeout(this.timer);
    this.timer = setTimeout(this.subscribe, kSubscribeAfterMs);
  };

  private subscribe = (): void => {
    const bounds = this.map.getBounds();
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const dx = (east - west) * kSubscribeMargin;
    const dy = (north - south) * kSubscribeMargin;
    this.send({
      type: 'subscribe',
      bbox: [Math.max(-180, west - dx), Math.max(-85, south - dy), Math.min(180, east + dx), Math.min(85, north + dy)],
      budget: kBudget,
    });
  };

  private place(view: View): void {
    const { x, y, scale } = placement(this.pictured!, view);
    this.canvas.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case 'picture':
        this.canvas.style.width = `${message.view.width + 2 * kMargin}px`;
        this.canvas.style.height = `${message.view.height + 2 * kMargin}px`;
        this.canvas.width = message.bitmap.width;
        this.canvas.height = message.bitmap.height;
        this.context.transferFromImageBitmap(message.bitmap);
        this.pictured = message.view;
        this.place(this.view());
        requestAnimationFrame(() => this.send({ type: 'shown' }));
        return;
      case 'picked':
        this.asks.get(message.ask)?.(message.truck);
        this.asks.delete(message.ask);
        return;
      case 'summary':
        return this.listener.onSummary(message.summary);
      case 'chosen':
        return this.listener.onChosen(message.truck);
    }
  }
}
