// Dark or light: the viewer's choice, else the system's.
import { useSyncExternalStore } from 'react';
import { kKinds, type Palette } from './fleet/kinds';

export type Theme = 'dark' | 'light';

const kStored = 'waybill-theme';
const system = matchMedia('(prefers-color-scheme: light)');
const listeners = new Set<() => void>();

function current(): Theme {
  const stored = localStorage.getItem(kStored);
  if (stored === 'dark' || stored === 'light') return stored;
  return system.matches ? 'light' : 'dark';
}

function apply(): void {
  document.documentElement.dataset.theme = current();
  listeners.forEach((listener) => listener());
}
system.addEventListener('change', apply);
apply();

export function setTheme(theme: Theme): void {
  localStorage.setItem(kStored, theme);
  apply();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    current,
  );
}

/** The computed value of a design token. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const kKindToken: Record<(typeof kKinds)[number], string> = {
  moving: 'mark-moving',
  stopped: 'mark-stopped',
  jammed: 'mark-jammed',
  broken_down: 'mark-broken',
  silent: 'mark-silent',
  other: 'ink-3',
};
export const kindColour = (kind: (typeof kKinds)[number]): string => `var(--${kKindToken[kind]})`;

export function fleetPalette(): Palette {
  return {
    kinds: kKinds.map((kind) => token(kKindToken[kind])),
    halo: token('halo'),
    ink: token('ink'),
    surface: token('surface'),
    line: token('line'),
    accent: token('accent'),
    font: token('font'),
  };
}
