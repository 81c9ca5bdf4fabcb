// The dashboards in a real browser, against a Waybill with data (WAYBILL_FULL) and one without (WAYBILL_EMPTY):
// every panel draws, in both themes; range, parameters, drill-down and link do what they say.
// Screenshots go to build/screenshots of the repository.
import { accessible as accessibleAt, expect, finish, kDesktop, kPhone, openAt, shot as shotOf, test, until as untilWithin } from './browser.mjs';

const kPlaces = { full: process.env.WAYBILL_FULL, empty: process.env.WAYBILL_EMPTY };
if (!kPlaces.full || !kPlaces.empty) {
  console.error('WAYBILL_FULL and WAYBILL_EMPTY are not set: give the addresses of two running Waybills');
  process.exit(2);
}
// A truck counts as stuck after an hour, which is longer than the Waybill of this test runs.
const kMayBeEmpty = new Set(['Newest stuck trucks']);
const kPatienceMs = 60_000;
// Tall enough for a whole dashboard.
const kWhole = { width: 1440, height: 1800 };
const kThemes = ['dark', 'light'];
const kBoards = await (await fetch(`${kPlaces.full}/v1/dashboards`)).json();

const until = (what, check, patienceMs = kPatienceMs) => untilWithin(what, check, patienceMs);
const open = (place, path, { theme = 'dark', viewport = kDesktop } = {}) => openAt(
  `${kPlaces[place]}/${path}`, { theme, viewport, patienceMs: kPatienceMs, permissions: ['clipboard-read', 'clipboard-write'] });

const boardPath = (name, more = '') => `?view=dashboards${name === 'overview' ? '' : `&board=${name}`}${more}`;
const specOf = async (place, name) => (await fetch(`${kPlaces[place]}/v1/dashboards/${name}`)).json();
const shot = (page, name) => shotOf(page, name, true);
const accessible = (page) => accessibleAt(page, new URL(page.url()).search);

async function settled(page) {
  await page.locator('.board-head').waitFor();
  await until('the loading marks to go', () => page.evaluate(() => !document.querySelector('.skeleton')));
}

/** How each panel stands: what it says, and what it has drawn. */
const panelsOf = (page) => page.evaluate(() => [...document.querySelectorAll('.charts .chart')].map((chart) => {
  const canvas = chart.querySelector('.u-wrap canvas');
  let colours = 0;
  if (canvas) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) seen.add(`${data[i] >> 4},${data[i + 1] >> 4},${data[i + 2] >> 4}`);
    colours = seen.size;
  }
  return {
    title: chart.getAttribute('aria-label'),
    state: chart.querySelector('.state')?.innerText.split('\n')[0] ?? null,
    colours, bars: chart.querySelectorAll('.ranked li').length, rows: chart.querySelectorAll('tbody tr').length,
    map: chart.querySelector('.map-panel canvas') !== null, width: chart.getBoundingClientRect().width,
  };
}));

const tilesOf = (page) => page.evaluate(() => [...document.querySelectorAll('.tiles .tile')].map((tile) => ({
  title: tile.querySelector('.tile-title').innerText, value: tile.querySelector('.tile-value').innerText,
  detail: tile.querySelector('.tile-detail').innerText,
  cut: [...tile.querySelectorAll('.tile-title, .tile-value')].some((e) => e.scrollWidth > e.clientWidth + 1),
})));

const hasDrawn = (panel, kind) => (kind === 'ranked' ? panel.bars > 0 : kind === 'table' ? panel.rows > 0
  : kind === 'map' ? panel.map : panel.colours >= 3);

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// ---------------------------------------------------------------- every panel, full and empty, dark and light
for (const place of ['full', 'empty']) {
  for (const theme of kThemes) {
    for (const { name } of kBoards) {
      const spec = await specOf(place, name);
      const page = await open(place, boardPath(name, name === 'hubs' ? '&range=24h' : ''), { theme, viewport: kWhole });
      const where = `${name}, ${place}, ${theme}`;
      await test(`${where}: every panel draws`, async () => {
        await settled(page);
        const kinds = Object.fromEntries(spec.charts.map((chart) => [chart.title, chart.kind]));
        const lacking = (panels) => panels.filter((panel) => (place === 'full' && !kMayBeEmpty.has(panel.title)
          ? !hasDrawn(panel, kinds[panel.title]) : panel.state !== 'No data yet' && !hasDrawn(panel, kinds[panel.title])));
        await until('every panel', async () => {
          const panels = await panelsOf(page);
          const left = lacking(panels).map(({ title, state }) => `${title}: ${state ?? 'nothing drawn'}`);
          if (left.length > 0 || panels.length !== spec.charts.length) throw new Error(left.join('; '));
          return true;
        }, place === 'full' ? kPatienceMs : 10_000);
        return `${spec.charts.length} panels`;
      });
      await test(`${where}: every figure is read and fits`, async () => {
        const tiles = await tilesOf(page);
        expect(tiles.length === spec.tiles.length, `${tiles.length} tiles`);
        const bad = tiles.filter(({ value, detail, cut }) => value === '' || detail === 'Cannot be read' || cut
          || (place === 'full' && value === '–'));
        expect(bad.length === 0, JSON.stringify(bad));
        expect((await page.locator('.state-failed').count()) === 0, 'a panel has failed');
      });
      await test(`${where}: nothing is wider than the window, axe finds nothing serious`, async () => {
        expect((await overflow(page)) <= 0, `${await overflow(page)} pixels too wide`);
        await page.waitForTimeout(700);
        await shot(page, `board-${name}-${place}-${theme}`);
        await accessible(page);
      });
      await page.context().close();
    }
  }
}

// ---------------------------------------------------------------- range, parameters, drill-down, link
/** The SQL texts that the page asks from now on. */
function asked(page) {
  const texts = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/sql')) texts.push(JSON.parse(request.postData()).sql);
  });
  return texts;
}

const hubs = await open('full', boardPath('hubs'));
await settled(hubs);
const choice = (page, label) => page.locator('.choice', { hasText: label }).locator('select');
const tile = (page, title) => page.locator('.tile', { has: page.locator('.tile-title', { hasText: new RegExp(`^${title}$`) }) });

await test('the range of the file is chosen at first', async () => {
  expect((await choice(hubs, 'Time').inputValue()) === '6h', await choice(hubs, 'Time').inputValue());
});

await test('another range asks for its seconds and stands in the URL', async () => {
  const texts = asked(hubs);
  await choice(hubs, 'Time').selectOption('1h');
  await until('the question', async () => texts.some((sql) => sql.includes("INTERVAL '3600 seconds'") && sql.includes("INTERVAL '60 seconds'")));
  expect(hubs.url().includes('range=1h'), hubs.url());
  await hubs.reload();
  await settled(hubs);
  expect((await choice(hubs, 'Time').inputValue()) === '1h', 'it is forgotten after a reload');
  await choice(hubs, 'Time').selectOption('24h');
});

let hub = '';
await test('a parameter narrows every panel that names it', async () => {
  hub = await until('a hub', async () => (await choice(hubs, 'Hub').locator('option').nth(1).getAttribute('value')));
  const texts = asked(hubs);
  await choice(hubs, 'Hub').selectOption(hub);
  await until('one hub', async () => (await tile(hubs, 'Scans').locator('.tile-detail').innerText()) === 'at 1 hubs');
  expect(texts.some((sql) => sql.includes(`'${hub}' IS NULL`)), 'the panels do not ask for it');
  expect(new URL(hubs.url()).searchParams.get('p.hub') === hub, hubs.url());
  await choice(hubs, 'Hub').selectOption('');
  expect(!hubs.url().includes('p.hub'), hubs.url());
});

await test('a bar leads to the hub that it stands for, and Back leads back', async () => {
  const bar = hubs.locator('.ranked li button').first();
  await bar.waitFor();
  const name = await bar.innerText();
  await bar.click();
  await until('the hub in the URL', async () => new URL(hubs.url()).searchParams.get('p.hub') === name);
  await until('one hub', async () => (await tile(hubs, 'Scans').locator('.tile-detail').innerText()) === 'at 1 hubs');
  await hubs.goBack();
  await until('all hubs', async () => new URL(hubs.url()).searchParams.get('p.hub') === null);
});

await test('a shipment of the table opens beside the dashboard', async () => {
  const link = hubs.locator('tbody button.link').first();
  await link.waitFor();
  const id = await link.innerText();
  await link.click();
  await hubs.locator('.drawer').getByRole('heading', { name: id }).waitFor();
  await hubs.keyboard.press('Escape');
});

await test('the link shows somebody else the same', async () => {
  await choice(hubs, 'Hub').selectOption(hub);
  await hubs.getByRole('button', { name: 'Copy link' }).click();
  await hubs.getByText('Copied').waitFor();
  const link = await hubs.evaluate(() => navigator.clipboard.readText());
  expect(link === hubs.url(), link);
  const other = await open('full', new URL(link).search);
  await settled(other);
  expect((await choice(other, 'Hub').inputValue()) === hub && (await choice(other, 'Time').inputValue()) === '24h', 'other choices');
  await until('the same figure', async () => (await tile(other, 'Scans').innerText()) === (await tile(hubs, 'Scans').innerText()));
  await other.context().close();
});

await test('tabs lead from one dashboard to the next and drop its parameters', async () => {
  await hubs.locator('.boards a', { hasText: 'Carriers' }).click();
  await hubs.getByRole('heading', { name: 'Carriers', level: 1 }).waitFor();
  expect(!hubs.url().includes('p.hub'), hubs.url());
});
await hubs.context().close();

await test('a parameter from anybody is text and nothing more', async () => {
  const page = await open('full', boardPath('hubs', `&p.hub=${encodeURIComponent("x' OR 1=1 --")}`));
  await settled(page);
  await until('no scans', async () => (await tile(page, 'Scans').locator('.tile-value').innerText()) === '0');
  expect((await page.locator('.state-failed').count()) === 0, 'a panel has failed');
  await page.context().close();
});

await test('a dashboard that does not exist is said to be unknown, with the way on', async () => {
  const page = await open('full', boardPath('nosuch'));
  const text = await page.locator('.state-failed').innerText();
  expect(text.includes('nosuch'), text);
  await page.locator('.boards a').first().click();
  await settled(page);
  await page.context().close();
});

await test('figures follow the data by themselves', async () => {
  const page = await open('full', boardPath('overview'));
  await settled(page);
  const figure = tile(page, 'Active trucks').locator('.tile-value');
  const number = async () => Number((await figure.innerText()).replaceAll(',', ''));
  const before = await number();
  const now = new Date().toISOString();
  const rows = Array.from({ length: 5 }, (_, i) => ({ truck_id: `B-${now}-${i}`, event_time: now, lat: 50, lon: 8, status: 'moving' }));
  await fetch(`${kPlaces.full}/v1/topics/positions/records`, {
    method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' }, body: rows.map((row) => JSON.stringify(row)).join('\n'),
  });
  await until('the figure to rise', async () => (await number()) >= before + 5);
  await page.context().close();
});

for (const { name } of kBoards) {
  await test(`${name}: fits a phone`, async () => {
    const page = await open('full', boardPath(name), { viewport: kPhone });
    await settled(page);
    await page.waitForTimeout(700);
    await shot(page, `board-${name}-phone`);
    expect((await overflow(page)) <= 0, `${await overflow(page)} pixels too wide`);
    await page.context().close();
  });
}

await finish();
