// How a truck looks, by status: one colour and one shape each, so that neither is needed alone.

export const kKinds = ['moving', 'stopped', 'jammed', 'broken_down', 'silent', 'other'] as const;
export type Kind = (typeof kKinds)[number];

export const kKindLabel: Record<Kind, string> = {
  moving: 'Moving',
  stopped: 'Stopped',
  jammed: 'In a jam',
  broken_down: 'Broken down',
  silent: 'Silent',
  other: 'Other',
};

/** A truck whose newest position is older than this is drawn as silent, whatever it said last. */
export const kSilentAfterMs = 120_000;

export function kindOf(status: string): number {
  const at = kKinds.indexOf(status as Kind);
  return at < 0 ? kKinds.indexOf('other') : at;
}
export const kSilent = kKinds.indexOf('silent');

/** CSS colours by kind and of the rest, read from the design tokens. */
export interface Palette {
  kinds: string[];
  halo: string;
  ink: string;
  surface: string;
  line: string;
  accent: string;
  font: string;
}
