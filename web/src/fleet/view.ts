// What part of the world is on screen, and how a picture of one view is moved to lie right in another.

/** Centre in world fractions (0 … 1), the world's width in CSS pixels, the screen in CSS pixels. */
export interface View {
  centreX: number;
  centreY: number;
  worldSize: number;
  width: number;
  height: number;
}

/** Pictures reach this far beyond the screen (CSS pixels), so that a drag shows no bare edge. */
export const kMargin = 96;

/** The CSS transform (origin top left) that moves a picture of `from` to lie right in `to`. */
export function placement(from: View, to: View): { x: number; y: number; scale: number } {
  const scale = to.worldSize / from.worldSize;
  const x = (from.centreX - to.centreX) * to.worldSize + to.width / 2 - (scale * from.width) / 2 - scale * kMargin;
  const y = (from.centreY - to.centreY) * to.worldSize + to.height / 2 - (scale * from.height) / 2 - scale * kMargin;
  return { x, y, scale };
}
