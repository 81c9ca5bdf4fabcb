// A backfill from the page alone, in a real browser, against a Waybill whose gold.delays is wrong in March while its
// model's file is mended already (tests/interop/backfill_page.py): preview, work, report, swap, undo, and a failure.
// Screenshots go to build/screenshots of the repository.
import { accessible, complaints, expect, finish, kPhone, openAt, shot, test, until as untilWithin } from './browser.mjs';

const base = process.env.WAYBILL_URL?.replace(/\/$/, '');
if (!base) {
  console.error('WAYBILL_URL is not set: give the address of the Waybill that tests/interop/backfill_page.py starts');
  process.exit(2);
}
const kPatienceMs = 120_000;
const until = (what, check) => untilWithin(what, check, kPatienceMs);
const open = (path, how) => openAt(`${base}/${path}`, { patienceMs: kPatienceMs, ...how });
const get = async (path) => (await fetch(`${base}/v1/${path}`)).json();
const minutes = async (day) => {
  const answer = await fetch(`${base}/v1/sql`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sql: `SELECT sum(minutes)::BIGINT AS n FROM gold.delays WHERE day = DATE '${day}'`, limit: 1 }),
  });
  return Number((await answer.json()).rows[0][0]);
};
const fill = async (page, fields) => {
  for (const [label, value] of Object.entries(fields)) await page.locator('dialog').getByLabel(new RegExp(`^${label}`)).fill(value);
};
const button = (page, name) => page.getByRole('button', { name, exact: true });
const badge = (page, text) => page.locator('section.panel .page-head').getByText(text, { exact: true }).waitFor();

const page = await open('?view=backfills');

await test('without a backfill the page says how one begins', () => page.getByText('No backfill yet').waitFor());

await test('a new backfill offers the batch models alone', async () => {
  await button(page, 'New backfill').click();
  const models = page.locator('dialog option');
  await until('the models', async () => (await models.count()) > 1);
  const names = await models.allInnerTexts();
  for (const name of ['gold.delays', 'gold.months']) expect(names.includes(name), `${name} is not in ${names.join()}`);
  expect(!names.includes('silver.hops'), 'a streaming model is offered');
});

await test('what is missing or wrong is said before anything is begun', async () => {
  const preview = button(page, 'Preview');
  expect(await preview.isDisabled(), 'it may be previewed without a model');
  await page.locator('dialog select').selectOption('gold.delays');
  await fill(page, { From: '2026-03-01' });
  await page.getByText('Name the first and the last partition').waitFor();
  await fill(page, { To: '2026-02-01' });
  await preview.click();
  await page.locator('dialog').getByText('the first comes after the last').waitFor();
  await fill(page, { To: 'April' });
  await preview.click();
  await page.locator('dialog').getByText("'April' is no value of the partition column").waitFor();
  expect((await get('backfills')).length === 0, 'something was begun');
});

await test('the preview names partitions, rows, time and what lies downstream', async () => {
  await fill(page, { To: '2026-03-10', 'Expected change': 'month(old.day) = 3 AND old.flights = new.flights' });
  await button(page, 'Preview').click();
  const seen = page.locator('.preview');
  await seen.getByText('day=2026-03-01 to day=2026-03-10').waitFor();
  const text = await seen.innerText();
  for (const part of ['10', '30', 'gold.months', 'silver.hops version']) expect(text.includes(part), `${part} is not in: ${text}`);
  expect((await get('backfills')).length === 0, 'a preview began it');
  await accessible(page, 'preview');
  await shot(page, 'backfill-preview-dark');
});

await test('another request has to be previewed again', async () => {
  const compute = page.getByRole('button', { name: /^Compute/ });
  await fill(page, { From: '2026-03-02' });
  await compute.waitFor({ state: 'detached' });
  await fill(page, { From: '2026-03-01' });
  await compute.waitFor();
});

await test('it is computed beside production, and its report says what would change', async () => {
  const before = await minutes('2026-03-04');
  await button(page, 'Compute 10 partitions').click();
  await badge(page, 'ready');
  const report = page.getByRole('region', { name: 'Changes of gold.delays' });
  await report.getByText('minutes in 30 rows').waitFor();
  await page.getByRole('region', { name: 'Changes of gold.months' }).waitFor();
  await report.getByText('delays: all 2 expectations are met').waitFor();
  expect((await minutes('2026-03-04')) === before, 'readers see it already');
  await accessible(page, 'report');
  await shot(page, 'backfill-report-dark', true);
});

await test('one button swaps it in, one brings the old rows back, one the new ones', async () => {
  const wrong = await minutes('2026-03-04');
  for (const [verb, state, right] of [['Swap in', 'done', true], ['Undo', 'undone', false], ['Redo', 'done', true]]) {
    await page.locator('section.panel').getByRole('button', { name: verb, exact: true }).click();
    await page.locator('dialog').getByRole('button', { name: verb, exact: true }).click();
    await badge(page, state);
    await until(`the rows after ${verb}`, async () => ((await minutes('2026-03-04')) === wrong) !== right);
  }
});

await test('a predicate that does not bind is named in the preview', async () => {
  await button(page, 'New backfill').click();
  await page.locator('dialog select').selectOption('gold.delays');
  await fill(page, { From: '2026-03-01', To: '2026-03-10', 'Expected change': 'old.dya IS NULL' });
  await button(page, 'Preview').click();
  await page.locator('dialog').getByText('the predicate of expected changes (old.dya IS NULL)').waitFor();
});

await test('a change that is not expected is refused with its count, and nothing is swapped', async () => {
  await button(page, 'Cancel').click();
  await button(page, 'Undo').click();
  await page.locator('dialog').getByRole('button', { name: 'Undo', exact: true }).click();
  await badge(page, 'undone');
  const before = await minutes('2026-03-04');
  await button(page, 'New backfill').click();
  await page.locator('dialog select').selectOption('gold.delays');
  await fill(page, { From: '2026-03-01', To: '2026-03-10', 'Expected change': "old.carrier = 'C1'" });
  await button(page, 'Preview').click();
  await page.getByRole('button', { name: /^Compute/ }).click();
  await badge(page, 'refused');
  await page.locator('.faults').getByText('20 changed rows of gold.delays do not satisfy what is expected').first().waitFor();
  expect((await minutes('2026-03-04')) === before, 'it changed rows');
  expect((await page.getByRole('button', { name: 'Swap in' }).count()) === 0, 'it may be swapped in');
});

for (const theme of ['dark', 'light']) {
  await test(`the list and one that failed on a partition, ${theme}`, async () => {
    const other = await open('?view=backfills', { theme });
    if (theme === 'dark') {
      await fetch(`${base}/v1/backfills`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ model: 'gold.delays', from: '2026-05-01', to: '2026-05-10' }),
      });
    }
    await until('its failure', async () => (await get('backfills')).some(({ state }) => state === 'failed'));
    const failed = (await get('backfills')).find(({ state }) => state === 'failed');
    await other.goto(`${base}/?view=backfills&backfill=${failed.backfill}`);
    await other.locator('.faults').getByText('day=2026-05-04').first().waitFor();
    expect((await other.locator('.progress').getAttribute('value')) === '9', 'the nine others are not done');
    await button(other, 'Run again').waitFor();
    await other.waitForTimeout(300);
    await shot(other, `backfill-failed-${theme}`);
    await accessible(other, `failed, ${theme}`);
    await button(other, 'New backfill').click();
    await other.locator('dialog select').selectOption('gold.delays');
    await fill(other, { From: '2026-03-01', To: '2026-03-10' });
    await button(other, 'Preview').click();
    await other.locator('.preview').waitFor();
    await shot(other, `backfill-new-${theme}`);
    await accessible(other, `new, ${theme}`);
    await other.context().close();
  });
}

await test('the form fits a phone', async () => {
  const phone = await open('?view=backfills', { viewport: kPhone });
  await button(phone, 'New backfill').click();
  await phone.locator('dialog select').waitFor();
  expect(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it is wider than the screen');
  await shot(phone, 'backfill-new-phone');
  await phone.context().close();
});

// What was asked for wrongly was answered so, which the browser writes down by itself.
complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('400 (Bad Request)')));
await finish();
