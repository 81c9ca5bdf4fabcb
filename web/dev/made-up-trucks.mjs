// Made-up trucks between European cities, and their feed.
import { readFileSync } from 'node:fs';

const kStatuses = ['moving', 'stopped', 'jammed', 'broken_down'];
const cities = JSON.parse(readFileSync(new URL('../src/basemap/made/cities.json', import.meta.url), 'utf8'))
  .filter(([, lon, lat, zoom]) => lon > -9 && lon < 26 && lat > 38 && lat < 58 && zoom <= 5);

let seed = 7;
const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
const mercatorX = (lon) => Math.round(((lon + 180) / 360) * 2 ** 32);
const mercatorY = (lat) => {
  const s = Math.sin((lat * Math.PI) / 180);
  return Math.round((0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * 2 ** 32);
};

function header(kind, size) {
  const bytes = Buffer.alloc(12 + size);
  bytes.writeUInt16LE(0x4257, 0);
  bytes.writeUInt8(1, 2);
  bytes.writeUInt8(kind, 3);
  bytes.writeBigInt64LE(BigInt(Date.now()), 4);
  return bytes;
}

export class Trucks {
  constructor(n) {
    this.all = Array.from({ length: n }, (_, i) => this.make(i));
    setInterval(() => this.drive(), 250);
  }
  get n() {
    return this.all.length;
  }
  make(i) {
    const from = cities[Math.floor(random() * cities.length)];
    const near = cities.filter((c) => c !== from && Math.hypot(c[1] - from[1], c[2] - from[2]) < 4);
    const to = near[Math.floor(random() * near.length)] ?? cities[0];
    const roll = random();
    const status = roll < 0.68 ? 0 : roll < 0.88 ? 1 : roll < 0.985 ? 2 : 3;
    return {
      id: `T-${String(i).padStart(5, '0')}`, from, to, share: random(), status,
      kmh: status === 0 ? 60 + random() * 30 : status === 2 ? 5 + random() * 10 : 0,
      time: Date.now() - (random() < 0.02 ? 200_000 : random() * 10_000), due: Date.now() + random() * 10_000, version: 1,
    };
  }
  drive() {
    const now = Date.now();
    for (const truck of this.all) {
      if (truck.fixed || now < truck.due || now - truck.time > 100_000) continue;
      const km = Math.hypot((truck.to[1] - truck.from[1]) * 70, (truck.to[2] - truck.from[2]) * 111);
      truck.share += (truck.kmh * (now - truck.time)) / 3_600_000 / km;
      if (truck.share > 1) [truck.from, truck.to, truck.share] = [truck.to, truck.from, 0];
      truck.time = now - random() * 400;
      truck.due = now + 8_000 + random() * 4_000;
      truck.version++;
    }
  }
  place(truck) {
    if (truck.fixed) return truck.fixed;
    const { from, to, share } = truck;
    const lon = from[1] + (to[1] - from[1]) * share;
    const lat = from[2] + (to[2] - from[2]) * share;
    const heading = (Math.atan2((to[1] - from[1]) * Math.cos((lat * Math.PI) / 180), to[2] - from[2]) * 180) / Math.PI;
    return { lon, lat, heading: (heading + 360) % 360 };
  }
  put({ truck_id, lat, lon, heading = 0, speed_kmh = 0, status = 'moving', event_time }) {
    const known = this.all.find(({ id }) => id === truck_id) ?? { id: truck_id, version: 0 };
    if (!this.all.includes(known)) this.all.push(known);
    Object.assign(known, { fixed: { lon, lat, heading }, kmh: speed_kmh, status: kStatuses.indexOf(status), time: Date.parse(event_time), version: known.version + 1 });
  }
  row(id) {
    const truck = this.all.find((one) => one.id === id);
    if (!truck) return null;
    const { lon, lat, heading } = this.place(truck);
    return { truck_id: id, event_time: new Date(truck.time).toISOString(), lat, lon, speed_kmh: truck.kmh, heading, status: kStatuses[truck.status], carrier: 'Nordfracht', shipment_id: 'S-1001' };
  }
  list(limit) {
    return this.all.slice(0, limit).map(({ id }) => ({ id, ...this.row(id) }));
  }

  view(send) {
    let box = null;
    let budget = 20_000;
    let fresh = true;
    let cells = false;
    let named = new Set();
    let seen = new Map();
    const statuses = Buffer.concat([header(4, 0), Buffer.from([kStatuses.length]), ...kStatuses.map((s) => Buffer.concat([Buffer.from([s.length]), Buffer.from(s)]))]);
    send(statuses);
    return {
      lookAt: (wanted) => {
        box = wanted.bbox;
        budget = wanted.budget;
        fresh = true;
        seen = new Map();
      },
      step: () => {
        if (!box) return;
        const inView = this.all.map((truck, handle) => ({ truck, handle, ...this.place(truck) }))
          .filter(({ lon, lat }) => lon >= box[0] && lon <= box[2] && lat >= box[1] && lat <= box[3]);
        cells = inView.length > budget;
        if (cells) return send(cellsFrame(inView, box));
        const changed = inView.filter(({ truck, handle }) => seen.get(handle) !== truck.version);
        if (changed.length === 0 && !fresh) return;
        const unnamed = changed.filter(({ handle }) => !named.has(handle));
        unnamed.forEach(({ handle }) => named.add(handle));
        if (unnamed.length > 0) send(namesFrame(unnamed));
        changed.forEach(({ truck, handle }) => seen.set(handle, truck.version));
        send(trucksFrame(changed, fresh));
        fresh = false;
      },
    };
  }
}

function namesFrame(entries) {
  const parts = entries.map(({ handle, truck }) => {
    const bytes = Buffer.alloc(5 + truck.id.length);
    bytes.writeUInt32LE(handle, 0);
    bytes.writeUInt8(truck.id.length, 4);
    bytes.write(truck.id, 5);
    return bytes;
  });
  const head = header(2, 4);
  head.writeUInt32LE(entries.length, 12);
  return Buffer.concat([head, ...parts]);
}

function trucksFrame(entries, snapshot) {
  const n = entries.length;
  const bytes = header(1, 5 + n * 20);
  bytes.writeUInt8(snapshot ? 1 : 0, 12);
  bytes.writeUInt32LE(n, 13);
  entries.forEach(({ truck, handle, lon, lat, heading }, i) => {
    bytes.writeUInt32LE(handle, 17 + 4 * i);
    bytes.writeUInt32LE(mercatorX(lon), 17 + 4 * n + 4 * i);
    bytes.writeUInt32LE(mercatorY(lat), 17 + 8 * n + 4 * i);
    bytes.writeUInt16LE(Math.round(truck.kmh * 10), 17 + 12 * n + 2 * i);
    bytes.writeUInt8(Math.floor(heading / 2) % 180, 17 + 14 * n + i);
    bytes.writeUInt8(truck.status, 17 + 15 * n + i);
    bytes.writeUInt32LE(Math.max(0, Math.round(Date.now() - truck.time)), 17 + 16 * n + 4 * i);
  });
  return bytes;
}

function cellsFrame(entries, [west, , east]) {
  let zoom = 0;
  while (((east - west) / 360) * 2 ** zoom < 64) zoom++;
  const counts = new Map();
  for (const { lon, lat } of entries) {
    const x = Math.floor(mercatorX(lon) / 2 ** (32 - zoom));
    const y = Math.floor(mercatorY(lat) / 2 ** (32 - zoom));
    counts.set(`${x}/${y}`, (counts.get(`${x}/${y}`) ?? 0) + 1);
  }
  const cells = [...counts].map(([key, count]) => [...key.split('/').map(Number), count]);
  const bytes = header(3, 5 + cells.length * 12);
  bytes.writeUInt8(zoom, 12);
  bytes.writeUInt32LE(cells.length, 13);
  cells.forEach((cell, i) => cell.forEach((value, column) => bytes.writeUInt32LE(value, 17 + 4 * (column * cells.length + i))));
  return bytes;
}
