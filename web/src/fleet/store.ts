// The little of the fleet that React may see: a summary twice a second, and the chosen truck.
import { useSyncExternalStore } from 'react';
import { kKinds } from './kinds';
import type { FleetSummary, Picked } from './messages';

const kNone: FleetSummary = {
  connection: 'connecting',
  behindMs: null,
  heardAt: null,
  mode: 'trucks',
  counts: kKinds.map(() => 0),
  inView: 0,
  pictureMs: 0,
  problem: null,
};

class Value<T> {
  private listeners = new Set<() => void>();
  constructor(private value: T) {}
  get = (): T => this.value;
  set = (value: T): void => {
    this.value = value;
    this.listeners.forEach((listener) => listener());
  };
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export const fleetSummary = new Value<FleetSummary>(kNone);
export const chosenTruck = new Value<Picked | null>(null);

export const forgetFleet = (): void => {
  fleetSummary.set(kNone);
  chosenTruck.set(null);
};

export const useFleetSummary = (): FleetSummary => useSyncExternalStore(fleetSummary.subscribe, fleetSummary.get);
export const useChosenTruck = (): Picked | null => useSyncExternalStore(chosenTruck.subscribe, chosenTruck.get);
