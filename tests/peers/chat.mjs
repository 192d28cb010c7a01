// Two people and the page of examples/chat, in headless Chromium:
//
//     node chat.mjs CHROMIUM URL SCREENSHOT
//
// Prints each step that went well, for tests/peers/chromium.rs to compare; a step that does not ends it with an
// error. After "talked" the server must be interrupted.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// Unlike an import, it looks where NODE_PATH says.
const { chromium } = createRequire(import.meta.url)('playwright-core');

const [executablePath, url, screenshot] = process.argv.slice(2);
const MARKUP = 'Does <script>document.title = "mine"</script><img src="/icon.svg"> do anything?';
const TALK = [
  ['Ann', 'Morning! Is the tide station up again?'],
  ['Ben', 'It is. Restarted at 07:40, no readings lost.'],
  ['Ben', 'The log is clean, too.'],
  ['Ann', 'Wonderful, then the page can go out.'],
  ['Ben', MARKUP],
  ['Ann', 'Nothing at all: it is text, and text it stays.\nThe page never makes markup of what we write.'],
];

const browser = await chromium.launch({
  executablePath,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const problems = [];

// A visitor has a profile of their own.
async function enter(name) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 800 },
    deviceScaleFactor: 1,
    locale: 'en-GB',
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => problems.push(message.text()));
  await page.goto(url);
  await page.getByLabel('What shall we call you?').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  return page;
}

// What the page shows as said, without the times.
function said(page) {
  return page
    .locator('#lines .said p')
    .evaluateAll((lines) => lines.map((line) => line.firstChild.textContent));
}

const pages = { Ann: await enter('Ann'), Ben: await enter('Ben') };
await pages.Ann.getByText('Ben joined').waitFor();
console.log('entered');

for (const [name, text] of TALK) {
  await pages[name].getByLabel('Message').fill(text);
  await pages[name].keyboard.press('Enter');
  for (const page of Object.values(pages)) {
    await page.locator('#lines .said p').filter({ hasText: text.split('\n')[0] }).waitFor();
  }
}
for (const page of Object.values(pages)) {
  assert.deepEqual(await said(page), TALK.map(([, text]) => text));
  assert.equal(await page.locator('#lines :is(script, img)').count(), 0);
  assert.equal(await page.title(), 'Atoll chat');
}
await pages.Ann.screenshot({ path: screenshot });
console.log('said');

await pages.Ben.context().close();
await pages.Ann.getByText('Ben left').waitFor();
console.log('left');

pages.Ben = await enter('Ben');
assert.deepEqual(await said(pages.Ben), TALK.map(([, text]) => text));
assert.deepEqual(problems, []);
console.log('talked');

for (const page of Object.values(pages)) {
  await page.getByText(/^disconnected/).waitFor();
  assert.ok(await page.getByLabel('Message').isDisabled());
}
console.log('disconnected');
await browser.close();
