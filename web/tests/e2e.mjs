// The page in a real browser against a running Waybill (WAYBILL_URL): what is sent by HTTP must be seen.
// Screenshots go to build/screenshots of the repository.
//
//   WAYBILL_URL=http://127.0.0.1:8080 node tests/e2e.mjs
import {
  accessible, expect, finish, kDesktop, kLoadPatienceMs, kPhone, openAt, shot, test, until as untilWithin,
} from './browser.mjs';

const base = process.env.WAYBILL_URL?.replace(/\/$/, '');
if (!base) {
  console.error('WAYBILL_URL is not set: give the address of a running Waybill, such as http://127.0.0.1:8080');
  process.exit(2);
}
const kPatienceMs = 30_000;

const mark = Date.now().toString(36).toUpperCase();
const truck = `T-E2E-${mark}`;
const shipment = `S-E2E-${mark}`;
// Somewhere in the Sahara: off every corridor of the simulated fleet, and away from the trucks of other runs.
const home = { lon: -5 + 30 * Math.random(), lat: 18 + 10 * Math.random() };
const later = { lon: home.lon + 0.6, lat: home.lat + 0.15 };

const until = (what, check, patienceMs = kPatienceMs) => untilWithin(what, check, patienceMs);
const open = (path, how) => openAt(`${base}/${path}`, how);

async function send(topic, record) {
  const response = await fetch(`${base}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(record),
  });
  expect(response.ok, `sending to ${topic} was answered ${response.status}: ${await response.text()}`);
}

const position = (place, change = {}) => send('positions', {
  truck_id: truck, event_time: new Date().toISOString(), lat: place.lat, lon: place.lon,
  speed_kmh: 0, heading: 90, status: 'broken_down', carrier: 'Testfracht', shipment_id: shipment, ...change,
});

const scan = (type, hub, secondsAgo) => send('scans', {
  event_id: `${mark}-${type}`, event_time: new Date(Date.now() - secondsAgo * 1000).toISOString(),
  shipment_id: shipment, scan_type: type, hub_id: hub, truck_id: truck, carrier: 'Testfracht',
});

const at = (place, zoom) => `?at=${place.lat},${place.lon}&z=${zoom}`;

const drawnAt = (page, place) => page.evaluate(async ({ lon, lat }) => {
  const hook = window.__waybill;
  if (!hook) return null;
  const { x, y } = hook.project(lon, lat);
  return hook.truckAt(x, y);
}, place);

const seen = (page, place) => until(`${truck} at ${place.lat}, ${place.lon}`, async () => {
  const found = await drawnAt(page, place);
  return found?.name === truck && found;
});

const baseMap = (page) => until('the base map', () => page.evaluate(() => window.__waybill?.baseMapDrawn()), kLoadPatienceMs);

async function colourNear(page, place) {
  const { x, y } = await page.evaluate(({ lon, lat }) => window.__waybill.project(lon, lat), place);
  const clip = { x: Math.round(x) - 2, y: Math.round(y) - 2, width: 5, height: 5 };
  const png = (await page.screenshot({ clip })).toString('base64');
  return page.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0);
    return [...pen.getImageData(2, 2, 1, 1).data].slice(0, 3);
  }, png);
}

const settled = (page) => until(
  'the loading marks to go', () => page.evaluate(() => !document.querySelector('.skeleton')), kLoadPatienceMs);

// ---------------------------------------------------------------- the live map
const map = await open(at(home, 9));

await test('the base map is drawn without a tile server', async () => {
  await baseMap(map);
  await until('the connection', () => map.getByText(/^Live/).isVisible());
});

await test('a truck that is sent by HTTP appears at its place on the map', async () => {
  const sent = Date.now();
  await position(home);
  const found = await seen(map, home);
  expect(found.status === 'broken_down', `its status is ${found.status}`);
  return `${Date.now() - sent} ms after it was sent`;
});

await test('the truck is drawn in the colour of its status', async () => {
  await until('a red pixel', async () => {
    const [r, g, b] = await colourNear(map, home);
    return r > 180 && g < 140 && b < 140;
  });
});

await test('the truck moves to where its next position is', async () => {
  const sent = Date.now();
  await position(later, { status: 'stopped' });
  await seen(map, later);
  expect((await drawnAt(map, home)) === null, 'it is still drawn at its old place as well');
  return `${Date.now() - sent} ms after it was sent`;
});

await test('the legend counts the truck by its status', async () => {
  const entry = map.locator('.legend').getByRole('button', { name: /Stopped/ });
  await until('one stopped truck', async () => /Stopped\s*1$/.test(await entry.innerText()));
});

await test('a status can be hidden and the link keeps that', async () => {
  await map.locator('.legend').getByRole('button', { name: /Stopped/ }).click();
  await until('the truck to be hidden', async () => (await drawnAt(map, later)) === null);
  expect(map.url().includes('hide=stopped'), map.url());
  await map.locator('.legend').getByRole('button', { name: /Stopped/ }).click();
  await seen(map, later);
});

await test('hovering shows a card and a click selects the truck', async () => {
  const { x, y } = await map.evaluate(({ lon, lat }) => window.__waybill.project(lon, lat), later);
  await map.mouse.move(x - 30, y - 30);
  await map.mouse.move(x, y, { steps: 4 });
  await map.locator('.hover-card').getByText(truck).waitFor({ timeout: kPatienceMs });
  await map.mouse.click(x, y);
  await map.locator('.drawer').getByRole('heading', { name: truck }).waitFor({ timeout: kPatienceMs });
  await map.keyboard.press('Escape');
  await map.locator('.drawer').waitFor({ state: 'detached' });
});

// ---------------------------------------------------------------- search and drawer
async function search(page, words, id) {
  await page.keyboard.press('Control+k');
  const box = page.getByRole('combobox');
  await until(`${id} among the found`, async () => {
    await box.fill('');
    await box.fill(words);
    await page.getByRole('option', { name: id }).waitFor({ timeout: 3_000 });
    return true;
  });
  await page.keyboard.press('Enter');
  await page.locator('.drawer').getByRole('heading', { name: id }).waitFor();
}

await test('search finds the truck by the beginning of its id, and the drawer shows it', async () => {
  await search(map, truck.slice(0, -1).toLowerCase(), truck);
  const drawer = map.locator('.drawer');
  await drawer.getByText('Stopped').waitFor({ timeout: kPatienceMs });
  await drawer.getByText('Testfracht').waitFor({ timeout: kPatienceMs });
  expect(map.url().includes(`truck=${truck}`), `the link does not name it: ${map.url()}`);
});

await test('the drawer shows the way that the truck came', async () => {
  await map.locator('.drawer').getByText(/2 positions/).waitFor({ timeout: kPatienceMs });
  await accessible(map, 'map with drawer, dark');
  await shot(map, 'truck-dark');
});

await test('search finds a shipment, and the drawer shows its scans newest first', async () => {
  await scan('pickup', 'DEHAM', 7_200);
  await scan('departure', 'DEHAM', 3_600);
  await search(map, shipment, shipment);
  const scans = map.locator('.drawer .scans li');
  await until('both scans', async () => (await scans.count()) === 2);
  expect((await scans.first().innerText()).startsWith('Departure'), await scans.first().innerText());
  await map.locator('.drawer-status').getByText('In transit').waitFor({ timeout: kPatienceMs });
  await shot(map, 'shipment-dark');
});

await test('a truck that does not exist is said to be unknown', async () => {
  const page = await open('?view=alerts&truck=T-NOBODY');
  await page.locator('.drawer').getByText('No such truck').waitFor({ timeout: kPatienceMs });
  await page.context().close();
});
await map.context().close();

// ---------------------------------------------------------------- every view, dark and light
const kViews = [
  ['map', ''],
  ['dashboards', '?view=dashboards'],
  ['streams', '?view=streams'],
  ['quality', '?view=quality'],
  ['suite', '?view=quality&suite=scans'],
  ['backfills', '?view=backfills'],
  ['pipelines', '?view=pipelines'],
  ['tables', '?view=pipelines&tab=tables'],
  ['runs', '?view=pipelines&tab=runs'],
  ['audit', '?view=pipelines&tab=audit'],
  ['dead-letters', '?view=dead-letters'],
  ['alerts', '?view=alerts'],
];

for (const theme of ['dark', 'light']) {
  const page = await open('?view=alerts', { theme });
  for (const [name, path] of kViews) {
    await test(`${name}, ${theme}: fills, and axe finds nothing serious`, async () => {
      await page.goto(`${base}/${path}`);
      if (name === 'map') {
        await baseMap(page);
        await until('the connection', () => page.getByText(/^Live/).isVisible());
      }
      await settled(page);
      const broken = await page.locator('.state-failed').allInnerTexts();
      expect(broken.length === 0, broken.join('; '));
      // Labels and trucks come a moment after the first shapes.
      await page.waitForTimeout(name === 'map' ? 4_000 : 500);
      await shot(page, `${name}-${theme}`);
      await accessible(page, `${name}, ${theme}`);
    });
  }
  await page.context().close();
}

await test('the key figures and charts are read, and they follow the fleet', async () => {
  const page = await open('?view=dashboards');
  await settled(page);
  const tiles = page.locator('.tiles .tile');
  expect((await tiles.count()) >= 5, `${await tiles.count()} tiles`);
  expect((await page.getByText('Cannot be read').count()) === 0, 'a tile cannot be read');
  const active = page.locator('.tile', { hasText: 'Active trucks' }).locator('.tile-value');
  const number = async () => Number((await active.innerText()).replaceAll(',', ''));
  expect((await number()) >= 1, `active trucks are ${await active.innerText()}`);
  const before = await number();
  await position(home, { truck_id: `${truck}-B` });
  await until('the figure to rise by itself', async () => (await number()) > before);
  await page.context().close();
});

await test('the audit says clearly whether every row is accounted for', async () => {
  const page = await open('?view=pipelines&tab=audit');
  await page.locator('.verdict').waitFor({ timeout: kPatienceMs });
  const { balanced } = await (await fetch(`${base}/v1/audit`)).json();
  const words = balanced ? 'Balanced: every row is accounted for' : 'Not balanced';
  await page.locator('.verdict').getByText(words).waitFor({ timeout: kPatienceMs });
  await page.context().close();
});

// ---------------------------------------------------------------- running plans
await test('the running plan leads from the topic over the models to their tables, with live rates', async () => {
  const page = await open('?view=streams');
  const flow = page.getByRole('region', { name: 'Pipeline scans' });
  const model = flow.getByRole('button', { name: /^silver\.scans/ });
  await model.waitFor({ timeout: kPatienceMs });
  await until('a rate', async () => /[1-9][\d,.]*\/s in/.test((await model.innerText()).replaceAll('\n', '')));
  expect((await flow.locator('.edge').count()) >= 3, 'edges are missing');
  const overlaps = await flow.evaluate((box) => {
    const nodes = [...box.querySelectorAll('.graph-node')].map((node) => node.getBoundingClientRect());
    return nodes.filter((a, i) => nodes.some((b, j) => j > i && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length;
  });
  expect(overlaps === 0, `${overlaps} boxes lie over others`);
  await page.context().close();
});

await test('a model is paused and goes on by its buttons, after a question', async () => {
  const page = await open('?view=streams');
  const name = 'silver.scans';
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
  const details = page.getByRole('region', { name: `Model ${name}` });
  await details.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect((await details.getByRole('button', { name: 'Pause' }).count()) === 1, 'cancelling did not cancel');
  await details.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: new RegExp(`^${name}\\s*paused`) }).waitFor({ timeout: kPatienceMs });
  const plan = await (await fetch(`${base}/v1/models/${name}/plan`)).json();
  expect(plan.state_of_work === 'paused', plan.state_of_work);
  await accessible(page, 'streams with details');
  await shot(page, 'streams-details-dark');
  await details.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: new RegExp(`^${name}\\s*running`) }).waitFor({ timeout: kPatienceMs });
  await page.context().close();
});

// ---------------------------------------------------------------- quality
await test('a suite is validated by its button, and says what holds', async () => {
  const page = await open('?view=quality&suite=scans&table=silver.scans');
  await page.getByRole('button', { name: 'Validate now' }).click();
  await page.getByText(/of \d+ expectations hold for silver\.scans/).waitFor({ timeout: kPatienceMs });
  await page.locator('.expectation .badge').getByText(/holds|broken/).first().waitFor({ timeout: kPatienceMs });
  await page.getByRole('button', { name: 'Failing rows' }).first().click();
  await page.getByRole('region', { name: 'Failing rows' }).first().waitFor({ timeout: kPatienceMs });
  await accessible(page, 'a suite');
  await page.context().close();
});

await test('dead letters are redriven after a dry run, repaired by an expression', async () => {
  await send('scans', { event_id: `${mark}-bad`, event_time: new Date().toISOString(), shipment_id: `${shipment}-R`, scan_type: 'teleport', hub_id: 'DEHAM', truck_id: truck, carrier: 'Testfracht' });
  const page = await open('?view=dead-letters');
  const letter = page.locator('.letter', { hasText: `${mark}-bad` });
  await letter.waitFor({ timeout: kPatienceMs });
  await letter.getByRole('button', { name: /^Redrive/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill("replace(raw, 'teleport', 'arrival')");
  expect(await dialog.getByRole('button', { name: /^Redrive/ }).isDisabled(), 'it can be sent without a dry run');
  await dialog.getByRole('button', { name: 'Dry run' }).click();
  await dialog.getByText('1 would be sent').waitFor({ timeout: kPatienceMs });
  await accessible(page, 'redrive');
  await dialog.getByRole('button', { name: 'Redrive 1' }).click();
  await page.getByText(/1 sent through their topics again/).waitFor({ timeout: kPatienceMs });
  await until('the repaired scan', async () => (await fetch(`${base}/v1/shipments/${shipment}-R`)).ok);
  await page.context().close();
});

// ---------------------------------------------------------------- a phone
for (const theme of ['dark', 'light']) {
  await test(`on a phone, ${theme}, nothing is wider than the screen`, async () => {
    const page = await open('?view=alerts', { theme, viewport: kPhone });
    for (const [name, path] of kViews) {
      await page.goto(`${base}/${path}`);
      if (name === 'map') await baseMap(page);
      await settled(page);
      await page.waitForTimeout(name === 'map' ? 4_000 : 300);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      const main = await page.evaluate(() => document.querySelector('main').scrollWidth);
      expect(width <= kPhone.width && main <= kPhone.width, `${name} is ${Math.max(width, main)} px wide`);
      await accessible(page, `${name} on a phone, ${theme}`);
      await shot(page, `phone-${name}-${theme}`);
    }
    await page.context().close();
  });
}

await finish();
