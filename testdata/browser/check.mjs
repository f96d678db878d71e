// Opens pages in a browser and says what is wrong with them: node check.mjs PAGES-DIRECTORY
// Reads all *.html there and prints one JSON object: page name to a list of faults, each "KIND: what". It never prints
// anything else. NODE_MODULES is the folder of node_modules, CHROMIUM the browser.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = resolve(process.env.NODE_MODULES ?? 'node_modules')
const require = createRequire(join(modules, 'x.js'))
const { chromium } = require('playwright-core')
const axe = readFileSync(join(modules, 'axe-core', 'axe.min.js'), 'utf8')

const dir = process.argv[2]
const result = {}
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })

for (const file of readdirSync(dir).filter((f) => f.endsWith('.html')).sort()) {
  const faults = (result[basename(file, '.html')] = [])
  let where = ''
  const fault = (kind, what) => faults.push(`${kind}: ${where}: ${what}`)
  const page = await browser.newPage({ reducedMotion: 'reduce' })
  const url = pathToFileURL(resolve(dir, file)).href
  page.setDefaultTimeout(120_000)
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && fault('console', m.text()))
  page.on('pageerror', (e) => fault('console', e.message))
  page.on('dialog', (d) => { fault('script', 'a dialog'); d.dismiss() })
  await page.route('**/*', (route) => {
    if (route.request().url() === url) return route.continue()
    fault('request', route.request().url())
    return route.abort()
  })
  for (const [colorScheme, width] of [['light', 360], ['light', 1280], ['dark', 1280]]) {
    where = `${colorScheme} ${width}`
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme })
    if (width === 360) await page.goto(url)
    for (const f of await page.evaluate(structure)) fault(...f)
    if (width === 360) {
      for (const f of await keyboard(page)) fault('keyboard', f)
      // evaluated through the debugger, which the page's policy does not bind
      await page.evaluate(axe)
      await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true }))
    }
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    for (const v of violations) {
      if (!['serious', 'critical'].includes(v.impact)) continue
      fault('axe', `${v.id} (${v.impact}): ${v.nodes.length} times, first ${v.nodes[0].html.slice(0, 200)}`)
    }
  }
  await page.close()
}
await browser.close()
console.log(JSON.stringify(result, null, 1))

// structure finds what must not be in a page, and a page that is wider than the window.
function structure() {
  const faults = []
  for (const e of document.querySelectorAll('script, iframe, object, embed, img, link, form, base')) faults.push(['script', `an element ${e.localName}`])
  for (const e of document.querySelectorAll('*')) {
    for (const a of e.attributes) if (/^on|^style$/.test(a.name)) faults.push(['script', `an attribute ${a.name} of ${e.localName}`])
  }
  const wide = document.documentElement.scrollWidth - window.innerWidth
  if (wide > 0) faults.push(['layout', `the page is ${wide} pixels too wide`])
  return faults
}

// keyboard tabs through the page and compares with everything that a person can use: each must be reached, must be seen to
// be reached, and details must open.
async function keyboard(page) {
  const faults = []
  const total = await page.evaluate(() => {
    const all = [...document.querySelectorAll('a, button, summary, input, select, textarea, [tabindex], [role=button], [role=link]')]
    const chosen = (e) => e.type !== 'radio' || e.checked || !document.querySelector(`input[type=radio][name="${e.name}"]:checked`) // the arrow keys go to the others
    const usable = all.filter((e) => chosen(e) && e.tagName !== 'MAIN' && (e.tagName !== 'A' || e.hasAttribute('href') || e.hasAttribute('role')) && e.checkVisibility() && e.getClientRects().length > 0)
    usable.forEach((e, i) => { e.dataset.stop = i })
    return usable.length
  })
  const reached = new Set()
  for (let i = 0; i < total + 5; i++) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const e = document.activeElement
      const style = getComputedStyle(e)
      return { id: e.dataset.stop, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, what: e.outerHTML.slice(0, 120) }
    })
    if (stop.id === undefined || reached.has(stop.id)) continue
    reached.add(stop.id)
    if (!stop.seen) faults.push(`nothing shows that ${stop.what} has the focus`)
  }
  for (const lost of await page.evaluate((ids) => [...document.querySelectorAll('[data-stop]')].filter((e) => !ids.includes(e.dataset.stop)).map((e) => e.outerHTML.slice(0, 120)), [...reached])) {
    faults.push(`${lost} is not reached`)
  }
  for (const summary of await page.$$('summary[data-stop]')) {
    await summary.focus()
    await page.keyboard.press('Enter')
    if (!(await summary.evaluate((e) => e.parentElement.open))) faults.push('a details element does not open')
    await page.keyboard.press('Enter')
  }
  await page.evaluate(() => document.querySelectorAll('[data-stop]').forEach((e) => delete e.dataset.stop))
  return faults
}
