// The fleet worker: reads the feed, keeps the trucks, draws the pictures. The page's thread stays free.
import fontUrl from '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url';
import { Feed } from './feed';
import type { Frame } from './frames';
import { mercatorLat, mercatorLon } from './mercator';
import type { FromWorker, Picked, ToWorker } from './messages';
import { Painter, type Scene } from './painter';
import { FleetState } from './state';
import { kMargin } from './view';

declare const self: DedicatedWorkerGlobalScope;

const kSummaryEveryMs = 500;
const kBehindOverMs = 5_000;
/** Movement under half a pixel needs no new picture. */
const kFastestPixelsPerMetre = 40; // m/s
const kPictureMinMs = 33;
const kPictureMaxMs = 1_000;
const kFrameWithinMs = 250;
/** A picture that the page has not shown after this long is given up, as in a hidden tab. */
const kShownWithinMs = 1_000;

const state = new FleetState();
const scene: Omit<Scene, 'now' | 'view'> & { view: Scene['view'] | null } = {
  view: null,
  dpr: 1,
  chosen: null,
  hovered: null,
  hidden: new Set<number>(),
};
let painter: Painter | null = null;
let feed: Feed | null = null;
let chosenName: string | null = null;
let reconnected = false;
let dirty = false;
let sentAt = 0;
let waiting = false;
let paintedAt = 0;
let pictureMs = 0;
let heardAt: number | null = null;
let ages: [at: number, ageMs: number][] = [];

const post = (message: FromWorker, transfer: Transferable[] = []): void => self.postMessage(message, transfer);

function onFrame(frame: Frame): void {
  const now = performance.now();
  // Handles are of one connection; the old trucks stay on screen until the new one speaks.
  if (reconnected) state.forget();
  reconnected = false;
  state.apply(frame, now);
  heardAt = Date.now();
  if (frame.kind === 'trucks' && !frame.snapshot && frame.age.length > 0) {
    const sorted = frame.age.slice().sort();
    ages.push([now, sorted[sorted.length >> 1]!]);
  }
  if (frame.kind === 'names' && chosenName !== null) scene.chosen = state.handleOf(chosenName) ?? null;
  dirty = true;
}

function behind(now: number): number | null {
  ages = ages.filter(([at]) => now - at < kBehindOverMs);
  if (ages.length === 0) return null;
  const sorted = ages.map(([, age]) => age).sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function describe(handle: number): Picked | null {
  const name = state.names.get(handle);
  if (name === undefined || state.alive[handle] === 0 || !painter || !scene.view) return null;
  const now = performance.now();
  const at = painter.place(state, handle, { ...scene, view: scene.view, now });
  const heading = state.heading[handle]!;
  return {
    name,
    kind: state.kind(handle, now),
    status: state.statuses[state.status[handle]!] ?? '',
    speedKmh: state.speed[handle]! / 10,
    heading: heading === 255 ? null : heading * 2,
    ageMs: now - state.measured[handle]!,
    reckonedMs: state.reckonedMs(handle, now),
    lon: mercatorLon(state.drawnX(handle, now)),
    lat: mercatorLat(state.drawnY(handle, now)),
    x: at.x - kMargin,
    y: at.y - kMargin,
  };
}

function summarise(): void {
  if (!painter || !feed) return;
  const { counts } = painter;
  post({
    type: 'summary',
    summary: {
      connection: feed.connection,
      behindMs: behind(performance.now()),
      heardAt,
      mode: state.cells ? 'cells' : 'trucks',
      counts,
      inView: counts.reduce((sum, n) => sum + n, 0),
      pictureMs,
      problem: feed.problem,
    },
  });
  if (chosenName !== null) post({ type: 'chosen', truck: scene.chosen === null ? null : describe(scene.chosen) });
}

// How long a picture stays true: until the fastest truck has moved half a pixel.
function pictureEveryMs(): number {
  if (!scene.view || !state.reckoning) return kPictureMaxMs;
  const metresPerPixel = 40_075_017 / scene.view.worldSize;
  return Math.min(kPictureMaxMs, Math.max(kPictureMinMs, (500 * metresPerPixel) / kFastestPixelsPerMetre));
}

// With the screen's next frame; where those are rare, as on a busy machine, a timer sees to it.
function schedule(): void {
  const run = (): void => {
    clearTimeout(timer);
    self.cancelAnimationFrame(frame);
    schedule();
    tick();
  };
  const frame = self.requestAnimationFrame(run);
  const timer = setTimeout(run, kFrameWithinMs);
}

function tick(): void {
  const now = performance.now();
  if (!painter || !scene.view) return;
  if (!dirty && now - paintedAt < pictureEveryMs()) return;
  if (waiting && now - sentAt < kShownWithinMs) return;
  const bitmap = painter.paint(state, { ...scene, view: scene.view, now });
  pictureMs = performance.now() - now;
  dirty = false;
  waiting = true;
  sentAt = paintedAt = now;
  post({ type: 'picture', bitmap, view: scene.view }, [bitmap]);
}

// A worker has no style sheet: the page's font is given to it by hand. Without it, labels use another.
async function loadFont(): Promise<void> {
  const font = new FontFace('Inter Variable', `url(${new URL(fontUrl, self.location.href).href})`, { weight: '100 900' });
  self.fonts.add(font);
  await font.load().catch(() => undefined);
  dirty = true;
}

function onMessage(message: ToWorker): void {
  switch (message.type) {
    case 'start':
      painter = new Painter(message.palette);
      void loadFont();
      state.reckoning = message.reckoning;
      feed = new Feed(message.url, () => (reconnected = true), onFrame, summarise);
      setInterval(summarise, kSummaryEveryMs);
      schedule();
      return;
    case 'view':
      scene.view = message.view;
      scene.dpr = message.dpr;
      break;
    case 'subscribe':
      feed?.subscribe({ bbox: message.bbox, budget: message.budget });
      return;
    case 'shown':
      waiting = false;
      return;
    case 'palette':
      painter?.dress(message.palette);
      break;
    case 'hidden':
      scene.hidden = new Set(message.kinds);
      break;
    case 'choose':
      chosenName = message.name;
      scene.chosen = message.name === null ? null : (state.handleOf(message.name) ?? null);
      summarise();
      break;
    case 'pick': {
      const handle = painter?.pick(message.x, message.y) ?? null;
      if (message.hover && scene.hovered !== handle) {
        scene.hovered = handle;
        dirty = true;
      }
      post({ type: 'picked', ask: message.ask, truck: handle === null ? null : describe(handle) });
      return;
    }
  }
  dirty = true;
}

self.onmessage = (event: MessageEvent<ToWorker>) => onMessage(event.data);
