// axe.mjs CHROMIUM AXE FOLDER: looks at each HTML file in FOLDER and below, as light and as dark page, with axe-core (the file
// AXE), and prints a line for each fault: the page, the scheme, the rule, and the element. Also measures what axe has no
// rule for: that a button can be told from what is around it. Prints how many pages it has seen as its last line.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startBrowser } from './browser.mjs'

const [program, axeFile, folder] = process.argv.slice(2)

// Two rules are off: landmarks (main, and regions for all that is visible). Mail programs show a mail within a page of their
// own, which has the landmarks. All other rules that WCAG 2.2 A and AA name are on, and those that axe holds for good practice.
const OPTIONS = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  rules: { 'landmark-one-main': { enabled: false }, region: { enabled: false }, 'target-size': { enabled: true } },
  resultTypes: ['violations', 'incomplete']
}
// What the other scheme can change.
const CONTRAST = { runOnly: { type: 'rule', values: ['color-contrast'] }, resultTypes: ['violations', 'incomplete'] }

// Within the page. What axe cannot decide about contrast counts as a fault.
async function faults (options) {
  const { violations, incomplete } = await window.axe.run(document, options)
  const undecided = incomplete.filter(({ id }) => id === 'color-contrast')
  const shown = ({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${any[0]?.message ?? ''} ${html}`)
  return [...violations, ...undecided].flatMap(shown)
}

// Within the page: the fill of each button against the card that it stands on (WCAG 2.2, 1.4.11).
function dimButtons () {
  const linear = value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  const luminance = element => {
    const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/\d+/g).map(text => linear(text / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  return [...document.querySelectorAll('.button')].flatMap(button => {
    const [dark, light] = [luminance(button), luminance(button.closest('.card'))].sort((one, two) => one - two)
    const contrast = (light + 0.05) / (dark + 0.05)
    return contrast < 3 ? [`button-contrast: ${contrast.toFixed(2)} of 3 ${button.outerHTML}`] : []
  })
}

function * htmlFiles (folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    if (entry.isFile() && entry.name.endsWith('.html')) yield join(entry.parentPath ?? entry.path, entry.name)
  }
}

async function look (tab, axe, file) {
  const found = []
  await tab.prefer('light')
  await tab.open(pathToFileURL(resolve(file)).href)
  await tab.evaluate(axe)
  for (const [scheme, options] of [['light', OPTIONS], ['dark', CONTRAST]]) {
    await tab.prefer(scheme)
    const inPage = `Promise.all([(${faults})(${JSON.stringify(options)}), (${dimButtons})()])`
    const lines = (await tab.evaluate(inPage)).flat()
    found.push(...lines.map(line => `${relative(folder, file)}, ${scheme}: ${line.replace(/\s+/g, ' ')}`))
  }
  return found
}

// A browser that answers no more ends with this program, as the pipe does.
const LONGEST = 300_000
const deadline = setTimeout(() => {
  console.error(`no result after ${LONGEST / 1000} seconds`)
  process.exit(1)
}, LONGEST)

const profile = mkdtempSync(join(tmpdir(), 'fanmail-chromium-'))
const browser = startBrowser(program, profile)
try {
  // Its last expression is the result, which need not come here.
  const axe = readFileSync(axeFile, 'utf8') + '\n;0'
  const files = [...htmlFiles(folder)].sort()
  const waiting = files.values()
  const tabs = await Promise.all([1, 2].map(() => browser.openTab({ width: 700, height: 900 })))
  const lines = await Promise.all(tabs.map(async tab => {
    const found = []
    for (const file of waiting) found.push(...await look(tab, axe, file))
    return found
  }))
  for (const line of lines.flat().sort()) console.log(line)
  console.log(`${files.length} pages`)
} finally {
  clearTimeout(deadline)
  await browser.stop()
  rmSync(profile, { recursive: true, force: true })
}
