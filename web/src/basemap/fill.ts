// Puts the base map's shapes and labels into a map that was made with baseStyle().
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { loadFineWorld, loadPlaces, loadRegions, loadWorld, type WorldShapes } from './data';

const kFineFromZoom = 5;
const kTownsFromZoom = 7.5;

export class BaseMap {
  private filled = false;
  private fine = false;
  private towns = false;

  constructor(private readonly map: MapLibre) {}

  async fill(): Promise<void> {
    await document.fonts.load('12px "Inter Variable"');
    const world = await loadWorld();
    this.setShapes(world);
    this.setData('countries', world.countries);
    const [regions, cities] = await Promise.all([loadRegions(), loadPlaces('cities')]);
    this.setData('regions', regions);
    this.setData('cities', cities);
    this.filled = true;
    await this.refine();
  }

  /** Detail that only close views show is loaded with the first of them. */
  async refine(): Promise<void> {
    if (!this.filled) return;
    const zoom = this.map.getZoom();
    if (zoom >= kFineFromZoom && !this.fine) {
      this.fine = true;
      this.setShapes(await loadFineWorld());
    }
    if (zoom >= kTownsFromZoom && !this.towns) {
      this.towns = true;
      this.setData('towns', await loadPlaces('towns'));
    }
  }

  private setShapes(shapes: WorldShapes): void {
    this.setData('land', shapes.land);
    this.setData('borders', shapes.borders);
  }

  private setData(source: string, data: GeoJSON.GeoJSON): void {
    this.map.getSource<GeoJSONSource>(source)?.setData(data);
  }
}
