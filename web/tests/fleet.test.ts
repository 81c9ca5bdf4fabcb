import { describe, expect, test } from 'vitest';
import type { TrucksFrame } from '../src/fleet/frames';
import { groupCells } from '../src/fleet/groups';
import { kKinds } from '../src/fleet/kinds';
import { mercatorX, mercatorY, unitsPerMetre } from '../src/fleet/mercator';
import { FleetState } from '../src/fleet/state';
import { kMargin, placement, type View } from '../src/fleet/view';

const kX = Math.round(mercatorX(13.4));
const kY = Math.round(mercatorY(52.5));
const kMetre = unitsPerMetre(kY);

function frame(change: { x?: number; y?: number; kmh?: number; heading?: number; age?: number; snapshot?: boolean; handle?: number }): TrucksFrame {
  return {
    kind: 'trucks',
    serverTimeMs: 0,
    snapshot: change.snapshot ?? false,
    handle: Uint32Array.of(change.handle ?? 3),
    x: Uint32Array.of(change.x ?? kX),
    y: Uint32Array.of(change.y ?? kY),
    speed: Uint16Array.of((change.kmh ?? 72) * 10),
    heading: Uint8Array.of(change.heading ?? 45),
    status: Uint8Array.of(0),
    age: Uint32Array.of(change.age ?? 0),
  };
}

function fleet(): FleetState {
  const state = new FleetState();
  state.apply({ kind: 'statuses', serverTimeMs: 0, statuses: ['moving', 'stopped'] }, 0);
  return state;
}

describe('between two positions', () => {
  test('a truck that drives east at 72 km/h is drawn 20 m further east a second later', () => {
    const state = fleet();
    state.apply(frame({ heading: 45 }), 1_000);
    expect((state.drawnX(3, 2_000) - kX) / kMetre).toBeCloseTo(20, 1);
    expect((state.drawnY(3, 2_000) - kY) / kMetre).toBeCloseTo(0, 1);
  });

  test('the time that the position was under way counts', () => {
    const state = fleet();
    state.apply(frame({ age: 500 }), 1_000);
    expect((state.drawnX(3, 1_000) - kX) / kMetre).toBeCloseTo(10, 1);
  });

  test('a truck goes no further than 1.5 of its usual intervals', () => {
    const state = fleet();
    state.apply(frame({}), 1_000);
    const limit = state.drawnX(3, 1_000 + 15_000);
    expect((limit - kX) / kMetre).toBeCloseTo(300, 0);
    expect(state.drawnX(3, 1_000 + 60_000)).toBe(limit);
    expect(state.reckonedMs(3, 60_000)).toBe(15_000);
  });

  test.each([
    ['stands', { kmh: 0 }],
    ['has no heading', { heading: 255 }],
  ])('a truck that %s stays', (_, change) => {
    const state = fleet();
    state.apply(frame(change), 1_000);
    expect(state.drawnX(3, 9_000)).toBe(kX);
  });

  test('nothing is guessed where motion is not wanted', () => {
    const state = fleet();
    state.reckoning = false;
    state.apply(frame({}), 1_000);
    expect(state.drawnX(3, 9_000)).toBe(kX);
  });
});

describe('a new position', () => {
  test('does not make the truck jump: it glides there', () => {
    const state = fleet();
    state.apply(frame({ kmh: 72 }), 1_000);
    const before = state.drawnX(3, 11_000);
    state.apply(frame({ x: kX + Math.round(100 * kMetre), kmh: 0 }), 11_000);
    expect(state.drawnX(3, 11_000)).toBeCloseTo(before, 3);
    expect((state.drawnX(3, 12_000) - kX) / kMetre).toBeCloseTo(100, 0);
  });

  test('far away is shown at once', () => {
    const state = fleet();
    state.apply(frame({ kmh: 0 }), 1_000);
    const far = kX + Math.round(50_000 * kMetre);
    state.apply(frame({ x: far, kmh: 0 }), 11_000);
    expect(state.drawnX(3, 11_000)).toBe(far);
  });
});

describe('the fleet', () => {
  test('forgets with a snapshot what it had, and takes out what is gone', () => {
    const state = fleet();
    state.apply(frame({ handle: 1 }), 0);
    state.apply(frame({ handle: 2, snapshot: true }), 0);
    expect([state.alive[1], state.alive[2]]).toEqual([0, 1]);
    state.apply({ kind: 'gone', serverTimeMs: 0, handle: Uint32Array.of(2, 900) }, 0);
    expect(state.alive[2]).toBe(0);
  });

  test('calls a truck silent when nothing was heard of it for two minutes', () => {
    const state = fleet();
    state.apply(frame({ age: 60_000 }), 0);
    expect(kKinds[state.kind(3, 0)]).toBe('moving');
    expect(kKinds[state.kind(3, 61_000)]).toBe('silent');
  });

  test('does not believe a handle beyond any fleet', () => {
    const state = fleet();
    state.apply(frame({ handle: 2 ** 31 }), 0);
    expect(state.end).toBe(0);
  });

  test('shows trucks again after cells', () => {
    const state = fleet();
    const one = Uint32Array.of(1);
    state.apply({ kind: 'cells', serverTimeMs: 0, zoom: 4, x: one, y: one, count: one }, 0);
    expect(state.cells).not.toBeNull();
    state.apply(frame({ snapshot: true }), 0);
    expect(state.cells).toBeNull();
  });
});

const view = (change: Partial<View>): View => ({ centreX: 0.5, centreY: 0.5, worldSize: 1_024, width: 800, height: 600, ...change });

test('a picture is moved and scaled to where its places are now', () => {
  const from = view({});
  const to = view({ centreX: 0.52, worldSize: 2_048 });
  const { x, y, scale } = placement(from, to);
  for (const [px, py] of [[0.5, 0.5], [0.61, 0.44]] as const) {
    const inPicture = { x: (px - from.centreX) * 1_024 + 400 + kMargin, y: (py - from.centreY) * 1_024 + 300 + kMargin };
    expect(inPicture.x * scale + x).toBeCloseTo((px - to.centreX) * 2_048 + 400, 6);
    expect(inPicture.y * scale + y).toBeCloseTo((py - to.centreY) * 2_048 + 300, 6);
  }
});

test('cells are joined without losing a truck, at the centre of their trucks', () => {
  const cells = { kind: 'cells' as const, serverTimeMs: 0, zoom: 8, x: Uint32Array.of(0, 1, 200), y: Uint32Array.of(0, 0, 200), count: Uint32Array.of(1, 3, 5) };
  const groups = groupCells(cells, view({ worldSize: 96 * 16 }));
  expect(groups.map(({ count }) => count).sort()).toEqual([4, 5]);
  expect(groups.find(({ count }) => count === 4)!.x * 256).toBeCloseTo(1.25, 6);
});
