// What the tests in a real browser share: Chromium, cases with a name, waiting, accessibility, screenshots.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const shots = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Not --disable-gpu: Chromium's software compositor then leaves out the lower part of the map in a narrow window.
const kFlags = [
  '--no-sandbox', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
];
// Loading the page and the base map may take long where many things run on few cores.
export const kLoadPatienceMs = 120_000;
export const kDesktop = { width: 1440, height: 900 };
export const kPhone = { width: 390, height: 844 };

let passed = 0;
let failed = 0;
let done = false;
/** What pages wrote to the browser's console as errors. */
export const complaints = [];

const seconds = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`;

/** With ONLY in the environment, only cases whose name has it run. */
export async function test(name, body) {
  if (process.env.ONLY && !new RegExp(process.env.ONLY).test(name)) return;
  const start = Date.now();
  try {
    const note = await body();
    passed++;
    console.log(`ok    ${name}${note ? ` (${note})` : ''} [${seconds(start)}]`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name} [${seconds(start)}]\n      ${String(error.message ?? error).split('\n').slice(0, 12).join('\n      ')}`);
  }
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export async function until(what, check, patienceMs) {
  const start = Date.now();
  let last;
  while (Date.now() - start < patienceMs) {
    last = await check().catch((error) => error);
    if (last && !(last instanceof Error)) return last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not happen within ${patienceMs / 1000} s${last instanceof Error ? `: ${last.message}` : ''}`);
}

mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: kFlags });
function giveUp(why) {
  if (done) return;
  console.log(`FAIL  ${why}\n${passed} passed, ${failed + 1} failed`);
  process.exit(1);
}
browser.on('disconnected', () => giveUp('the browser ended before the tests did'));
process.on('uncaughtException', (error) => giveUp(error.message));

/** A page of its own, in a context of its own. */
export async function openAt(url, { theme = 'dark', viewport = kDesktop, patienceMs = kLoadPatienceMs, permissions = [] } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: theme });
  await context.grantPermissions(permissions);
  context.setDefaultTimeout(patienceMs);
  await context.addInitScript({ content: axeSource });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`${url}: ${error.message}`));
  page.on('console', (message) => {
    // A look-up of an id that does not exist is a 404, which the browser writes down by itself.
    if (message.type() === 'error' && !message.text().includes('404')) complaints.push(`${url}: ${message.text()}`);
  });
  await page.goto(url);
  return page;
}

export async function accessible(page, where) {
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(
    serious.length === 0,
    `${where}: ${serious.map(({ id, nodes }) => `${id} at ${nodes.slice(0, 3).map(({ target }) => target).join(' and ')}`).join('; ')}`,
  );
}

export const shot = (page, name, fullPage = false) => page.screenshot({ path: `${shots}${name}.png`, fullPage });

/** Says how many cases there were, and ends the process. */
export async function finish() {
  await test('the browser had nothing to complain about', async () => {
    expect(complaints.length === 0, [...new Set(complaints)].slice(0, 10).join('\n'));
  });
  done = true;
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
