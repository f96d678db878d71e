// Takes pictures of pages: node shots.mjs PAGES-DIRECTORY PICTURES-DIRECTORY [NAME...]
// For each page: its top for a document, the whole page light, dark and narrow, and as it prints. NODE_MODULES is the folder of node_modules, CHROMIUM the browser.
import { mkdirSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(join(resolve(process.env.NODE_MODULES ?? 'node_modules'), 'x.js'))
const { chromium } = require('playwright-core')

const [from, to, ...names] = process.argv.slice(2)
mkdirSync(to, { recursive: true })
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
const shots = [
  { name: 'top', colorScheme: 'light', viewport: { width: 1280, height: 800 }, fullPage: false },
  { name: 'light', colorScheme: 'light', viewport: { width: 1360, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1360, height: 900 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
]
for (const file of readdirSync(from).filter((f) => f.endsWith('.html'))) {
  const page = basename(file, '.html')
  if (names.length && !names.includes(page)) continue
  for (const { name, fullPage = true, ...options } of shots) {
    const context = await browser.newContext({ ...options, deviceScaleFactor: 1 })
    const tab = await context.newPage()
    await tab.goto(pathToFileURL(resolve(from, file)).href)
    await tab.screenshot({ path: join(to, `${page}-${name}.png`), fullPage })
    await context.close()
  }
  const tab = await browser.newPage()
  await tab.goto(pathToFileURL(resolve(from, file)).href)
  await tab.pdf({ path: join(to, `${page}.pdf`), format: 'A4', margin: { top: '15mm', bottom: '15mm', left: '15mm', right: '15mm' } })
  await tab.close()
}
await browser.close()
