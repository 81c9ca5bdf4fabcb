// Web Mercator as on the wire: x from west and y from north, both 0 … 2^32 - 1.

export const kWorld = 2 ** 32;
const kEquatorMetres = 40_075_016.686;

export function mercatorX(lon: number): number {
  return ((lon + 180) / 360) * kWorld;
}

export function mercatorY(lat: number): number {
  const sin = Math.sin((Math.max(-85.0511287798, Math.min(85.0511287798, lat)) * Math.PI) / 180);
  return (0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)) * kWorld;
}

export function mercatorLon(x: number): number {
  return (x / kWorld) * 360 - 180;
}

export function mercatorLat(y: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / kWorld))) * 180) / Math.PI;
}

/** World units for one metre on the ground at y: the projection stretches towards the poles. */
export function unitsPerMetre(y: number): number {
  return (kWorld / kEquatorMetres) * Math.cosh(Math.PI * (1 - (2 * y) / kWorld));
}
